/** The alias that callers use, which a rollout moves from version to version. */
export const ALIAS = "live"
