import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = ['fastify-api/src', 'uws-server/src', 'packages/auth-contract/src']
const STATEMENT = /\b(?:select|insert into|update|delete from|where|listen(?! on)|notify|alter|create|drop)\s/

/** Templates of these files that are statements, or parts of one, and have something put in. */
function statements (path: string): ts.TemplateExpression[] {
  const found: ts.TemplateExpression[] = []
  const look = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText().endsWith('Error')) return   // sentences have such words, too
    if (ts.isTemplateExpression(node) && STATEMENT.test(node.getText())) found.push(node)
    ts.forEachChild(node, look)
  }
  look(ts.createSourceFile(path, readFileSync(`${PROJECT}/${path}`, 'utf8'), ts.ScriptTarget.Latest, true))
  return found
}

/** A constant of a module, a number of a parameter such as `$3`, or a function that is given these alone. */
function isConstant (expression: ts.Expression): boolean {
  if (ts.isIdentifier(expression)) return /^[A-Z_]+$/.test(expression.text) || isParameterNumber(expression)
  if (ts.isStringLiteral(expression)) return /^\$\d+$/.test(expression.text)
  return ts.isCallExpression(expression) && expression.arguments.every(isConstant)
}

/** The compiler sees to it that what is declared as `$${number}` is nothing else. */
function isParameterNumber ({ text, parent }: ts.Identifier): boolean {
  const owner = ts.findAncestor(parent, ts.isFunctionLike)
  const type = owner?.parameters.find(({ name }) => name.getText() === text)?.type
  return type !== undefined && /^`\$\$\{number\}`$/.test(type.getText())
}

t.test('nothing but constants is put into a statement; values are parameters', async t => {
  const files = SOURCES.flatMap(folder => readdirSync(`${PROJECT}/${folder}`, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')).map(name => `${folder}/${name}`))
  const built = files.flatMap(path => statements(path).map(statement => ({ path, statement })))
  t.ok(built.length > 10, 'some are made of parts')
  const foreign = built.flatMap(({ path, statement: { templateSpans } }) =>
    templateSpans.filter(({ expression }) => !isConstant(expression)).map(({ expression }) => `${path}: ${expression.getText()}`))
  t.same(foreign, [])
  const joined = files.filter(path => /\.query(?:<[^>]*>)?\(\s*[^)]*['"`]\s*\+/.test(readFileSync(`${PROJECT}/${path}`, 'utf8')))
  t.same(joined, [], 'and none is joined together')
})
