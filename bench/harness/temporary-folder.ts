import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Teardown } from './teardown.js'

/** An empty folder, removed with the bench. */
export function temporaryFolder (t: Teardown): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'fastify-uws-auth-bench-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
