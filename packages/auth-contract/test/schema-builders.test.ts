import t from 'tap'
import TypeBox from 'typebox'
import { Type } from '@fastify-uws-auth/auth-contract'

type Builders = Pick<typeof TypeBox, keyof typeof Type>

t.test('the builders make the schemas that those of TypeBox make', async t => {
  t.same(json(everything(Type)), json(everything(TypeBox)))
})

t.test('their schemas can be parts of those of TypeBox, and the other way round', async t => {
  t.same(json(TypeBox.Object({ given: Type.Null(), perhaps: Type.Optional(Type.String()) })), json(Type.Object({ given: TypeBox.Null(), perhaps: TypeBox.Optional(TypeBox.String()) })))
})

t.test('an optional schema has no member more than the one it is made of', async t => {
  const schema = Type.String({ minLength: 1 })
  t.strictSame(Object.keys(Type.Optional(schema)), Object.keys(schema))
  t.notSame(json(Type.Object({ schema })), json(Type.Object({ schema: Type.Optional(schema) })), 'and the given one is as it was')
})

function everything (type: Builders) {
  return type.Object({
    array: type.Array(type.String({ pattern: '^a' }), { minItems: 1, maxItems: 8 }),
    boolean: type.Boolean({ default: true }),
    enum: type.Enum(['a', 'b'], { default: 'a', description: 'one of two' }),
    integer: type.Integer({ minimum: 0 }),
    text: type.Literal('Bearer', { description: 'the only one' }),
    number: type.Literal(1),
    yes: type.Literal(true),
    null: type.Null({ description: 'nothing' }),
    optional: type.Optional(type.Number({ exclusiveMinimum: 0 })),
    object: type.Object({ optional: type.Optional(type.Object({})) }, { additionalProperties: false }),
    union: type.Union([type.String(), type.Null()], { description: 'or nothing' }),
    unsafe: type.Unsafe<Date>({ type: 'string', format: 'date-time' })
  })
}

function json (schema: object): unknown {
  return JSON.parse(JSON.stringify(schema))
}
