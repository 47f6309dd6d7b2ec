// The shape of the `notifications` part of crossbeat.yaml. `targets` is a mapping of names, which has a reader of its own.

import { Type } from 'typebox'
import { addresses, saslSchema, tlsSchema } from './engine-schema.ts'
import { secretText, strict, wholeNumber } from './schema-parts.ts'

export const webhookSchema = Type.Object(
  {
    url: secretText('a URL such as https://events.example/s3'),
    authorization: Type.Optional(secretText('a value of the Authorization header, such as "Bearer ..."')),
    timeoutSeconds: Type.Optional(wholeNumber(1, 600)),
  },
  strict,
)

export const kafkaTargetSchema = Type.Object(
  {
    brokers: addresses(9092),
    topic: Type.String({ pattern: '^[A-Za-z0-9._-]{1,249}$', expected: 'a topic name' }),
    clientId: Type.Optional(
      Type.String({ pattern: '^[ -~]{1,255}$', expected: '1 to 255 printable ASCII characters' }),
    ),
    sasl: Type.Optional(saslSchema),
    tls: Type.Optional(tlsSchema),
  },
  strict,
)

export const targetSchema = Type.Object(
  { webhook: Type.Optional(webhookSchema), kafka: Type.Optional(kafkaTargetSchema) },
  strict,
)

export const notificationsSchema = Type.Object(
  { targets: Type.Optional(Type.Unknown()), keepHours: Type.Optional(wholeNumber(1, 720)) },
  strict,
)
