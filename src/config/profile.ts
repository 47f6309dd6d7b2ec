// Reads named profiles from an AWS shared credentials file (INI with one section per profile). Pure.

/** Keys of one profile as they stand in the file. */
export type ProfileKeys = {
  readonly accessKey: string
  readonly secretKey: string
  readonly sessionToken: string | undefined
}

/** The keys of a profile; undefined if there is no such section, or it lacks one of the two keys. */
export function findProfile(text: string, profile: string): ProfileKeys | undefined {
  const settings = new Map<string, string>()
  let inside = false
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/.exec(line)?.[1]
    if (section !== undefined) {
      inside = section === profile
      continue
    }
    const setting = /^\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line)
    const key = setting?.[1]?.toLowerCase()
    if (inside && key !== undefined && !settings.has(key)) settings.set(key, setting?.[2] ?? '')
  }
  const accessKey = settings.get('aws_access_key_id')
  const secretKey = settings.get('aws_secret_access_key')
  if (accessKey === undefined || accessKey === '' || secretKey === undefined || secretKey === '') return undefined
  return { accessKey, secretKey, sessionToken: settings.get('aws_session_token') || undefined }
}

/** Names of the profiles in the file. */
export function profileNames(text: string): readonly string[] {
  return [...text.matchAll(/^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/gm)].map(match => match[1] ?? '')
}
