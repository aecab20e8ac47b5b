import type TypeBox from 'typebox'

type Builders = Pick<typeof TypeBox, 'Array' | 'Boolean' | 'Enum' | 'Integer' | 'Literal' | 'Null' | 'Number' | 'Object' | 'Optional' | 'String' | 'Union' | 'Unsafe'>
type Options = Readonly<Record<string, unknown>>

/** Not seen by validators, serialisers and `Object.keys`. */
const OPTIONAL = '~optional'

const builders = {
  Array: (items: object, options?: Options) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Options) => ({ type: 'boolean', ...options }),
  Enum: (values: readonly string[], options?: Options) => ({ enum: values, ...options }),
  Integer: (options?: Options) => ({ type: 'integer', ...options }),
  Literal: (value: string | number | boolean, options?: Options) => ({ type: typeof value, const: value, ...options }),
  Null: (options?: Options) => ({ type: 'null', ...options }),
  Number: (options?: Options) => ({ type: 'number', ...options }),
  Object (properties: Record<string, object>, options?: Options) {
    const required = Object.keys(properties).filter(name => !(OPTIONAL in properties[name]!))
    return { type: 'object', ...required.length > 0 ? { required } : {}, properties, ...options }
  },
  Optional: (schema: object) => Object.defineProperty({ ...schema }, OPTIONAL, { value: true }),
  String: (options?: Options) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly object[], options?: Options) => ({ anyOf, ...options }),
  Unsafe: (schema: object) => ({ ...schema })
}

/**
 * The builders of TypeBox that the programs use, with its types and the same JSON Schemas. Its package is for the
 * compiler only: 500 modules, which cost every process 0.2 s of CPU time at the start and 20 MB for good.
 */
export const Type = builders as unknown as Builders
