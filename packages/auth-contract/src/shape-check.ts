import { Ajv } from 'ajv'
import type { Static, TSchema } from 'typebox'

// The settings need ajv anyway.
const ajv = new Ajv({ strict: true })

/** Compiles a schema into a check that is true for values of exactly its shape. It changes nothing and never throws. */
export function compileShape<Schema extends TSchema> (schema: Schema): (value: unknown) => value is Static<Schema> {
  return ajv.compile<Static<Schema>>({ ...schema })
}
