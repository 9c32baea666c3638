/** What of the repository never goes to the engine: what is installed, built or written there. */

export const IGNORED = ["**/node_modules", "**/dist", "**/.git", "ci/sdk", "output", "reports", ".env*"]
