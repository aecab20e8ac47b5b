import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const CASES = path.join(PROJECT, 'system-test/front-door')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'bench/README.md', 'keys/README.md', ...pagesIn('docs'), ...pagesIn('docs/adr')]

function pagesIn (folder: string): string[] {
  return readdirSync(path.join(PROJECT, folder)).filter(name => name.endsWith('.md')).map(name => `${folder}/${name}`)
}

const read = (page: string) => readFileSync(path.join(PROJECT, page), 'utf8')

/** As GitHub names the headings of a page. */
function anchorsOf (page: string): Set<string> {
  return new Set([...read(page).matchAll(/^#+ (.+)$/gm)].map(([, title]) => title!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')))
}

t.test('each link from page to page leads somewhere', async t => {
  for (const page of PAGES) {
    for (const [, target, anchor] of read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)/g)) {
      const linked = target === '' ? page : path.join(path.dirname(page), target!)
      const leadsSomewhere = existsSync(path.join(PROJECT, linked)) && (anchor === undefined || anchorsOf(linked).has(anchor))
      t.ok(leadsSomewhere, `${page}: ${target}${anchor === undefined ? '' : `#${anchor}`}`)
    }
  }
})

t.test('the security checklist names tests that are there, and has what the cases through nginx say they are about', async t => {
  const page = read('docs/security-checklist.md')
  for (const [, file] of page.matchAll(/`([\w./-]+\.ts)`/g)) {
    t.ok(existsSync(path.join(PROJECT, file!.includes('/') ? file! : `fastify-api/test/${file}`)), file!)
  }
  const rows = new Set([...page.matchAll(/^\| ([A-Z]+-\d+) \|/gm)].map(([, id]) => id))
  for (const name of readdirSync(CASES)) {
    const source = readFileSync(path.join(CASES, name), 'utf8')
    for (const [, ids] of source.matchAll(/ids: \[([^\]]*)\]/g)) {
      for (const [, id] of ids!.matchAll(/'([^']+)'/g)) t.ok(rows.has(id), `${name}: ${id}`)
    }
  }
})
