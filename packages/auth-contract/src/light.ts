// For a process that has to stay small: no database client, no verifier, no schema, which are 25 MB.
export * from './child-process.js'
export * from './log-options.js'
export * from './meter.js'
export * from './metrics-server.js'
export * from './process-lifecycle.js'
export * from './startup-error.js'
export * from './supervised.js'
