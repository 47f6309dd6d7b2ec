// Pieces that the schemas of the configuration share.

import { Type } from 'typebox'

/** A mapping has no key without a function. */
export const strict = { additionalProperties: false }

export const secretText = (expected = 'a string') =>
  Type.String({ minLength: 1, maxLength: 8192, secret: true, expected })

export const wholeNumber = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum })
