// A string that must not be shown. Wherever a Secret ends up by accident (a log line, JSON, a template, an error's
// inspection) it reads "[secret]"; the only way to its text is reveal(), so every use can be found by that name.

const SHOWN = '[secret]'

/** A credential, token or key. The text is held in a private field, which no serialiser reaches. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The text itself. Call it at the last moment, where it is signed with or sent. */
  reveal(): string {
    return this.#text
  }

  /** Whether two secrets hold the same text. Not constant in time: for configuration, not for requests. */
  equals(other: Secret): boolean {
    return this.#text === other.#text
  }

  toString(): string {
    return SHOWN
  }

  toJSON(): string {
    return SHOWN
  }

  [Symbol.toPrimitive](): string {
    return SHOWN
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return SHOWN
  }
}
