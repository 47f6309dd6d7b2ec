// What a location of the configuration may name that lies outside the file.

/** The outside of the file that a location may name: environment variables and the profiles of ~/.aws/credentials. */
export type LocationSource = {
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Text of the shared credentials file; throws if it can't be read. */
  readProfiles(): string
}
