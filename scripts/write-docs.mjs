// Writes the pages of docs/ that say what the code says. With --check it compares instead.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { capacityPage } from './document-capacity.mjs'
import { errorsPage } from './document-errors.mjs'
import { metricsPage } from './document-metrics.mjs'
import { performancePage } from './document-performance.mjs'
import { settingsPage } from './document-settings.mjs'

const PAGES = { 'docs/capacity.md': capacityPage, 'docs/configuration.md': settingsPage, 'docs/errors.md': errorsPage, 'docs/metrics.md': metricsPage, 'docs/performance.md': performancePage }

for (const [name, page] of Object.entries(PAGES)) {
  const file = fileURLToPath(new URL(`../${name}`, import.meta.url))
  if (!process.argv.includes('--check')) {
    writeFileSync(file, page())
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== page()) {
    process.stderr.write(`${name} does not say what the code says; run npm run docs\n`)
    process.exitCode = 1
  }
}
