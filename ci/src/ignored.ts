/**
 * What of the repository never goes to the engine: what is installed, built or written there, and files of secrets. What
 * is tracked must not match: the tree would count as changed.
 */

export const IGNORED = [
  "**/node_modules",
  "**/dist",
  "**/.git",
  "**/output",
  "**/cdk.out",
  "**/.env",
  "**/.env.*",
  "!**/.env.example",
  "ci/sdk",
  "reports",
]
