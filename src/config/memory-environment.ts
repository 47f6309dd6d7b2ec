// A configuration environment in memory, for tests: files and variables are given, nothing else exists.

import type { ConfigEnvironment } from './load.ts'

/** `files` by absolute path. The working directory is /work, the home directory /home/user. */
export function memoryEnvironment(
  files: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {},
): ConfigEnvironment {
  return {
    variables,
    homeDir: '/home/user',
    workingDir: '/work',
    readText(path) {
      const text = Object.hasOwn(files, path) ? files[path] : undefined
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return text
    },
  }
}
