// Computes password hashes for the process that started it, one at a time. Imports next to nothing, so that it stays small.
import { computeHash, type HashTask } from './auth/hash-task.js'

process.on('message', (task: HashTask) => {
  computeHash(task).then(
    result => process.send!({ result }),
    (err: Error) => process.send!({ error: err.message }))
})
// A Ctrl-C or a service manager signals every process there is. Requests in flight still need this one, so it ends
// only with its parent.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.once('disconnect', () => process.exit())
process.send!('ready')
