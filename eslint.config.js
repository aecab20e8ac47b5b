import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: resolveIgnoresFromGitignore() }),
  // A schema and the type it describes share a name; the compiler reports the redeclarations that are mistakes.
  { files: ['**/*.ts'], rules: { '@typescript-eslint/no-redeclare': 'off' } },
  // Names of the socket library.
  { files: ['uws-server/src/uws-adapter.ts'], rules: { camelcase: ['error', { allow: ['^us_'] }] } }
]
