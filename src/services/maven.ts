// Java servers from Maven's central repository: their jars with everything that they need, in one folder of the cache. Needs Java and Maven
// on this machine.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './command.ts'
import { type Obtained, obtainFolder, ServiceUnavailable } from './service-cache.ts'

/** What is to be had; `coordinates` are `group:artifact:version`. */
export interface Jars {
  /** Name of the cache folder; holds the version. */
  readonly name: string
  readonly coordinates: readonly string[]
  /** The oldest Java that they run on; any if left out. Asked for also when they are in the cache. */
  readonly javaMin?: number
  /** What is to lie beside the jars, by file name. */
  readonly files?: Readonly<Record<string, string>>
  /** What would help besides Java and Maven, for the message when they cannot be had. */
  readonly otherwise: string
}

/** Finds the jars in the cache or has Maven copy them there; `path` is the folder of the jars (class path `<path>/*`). */
export async function obtainJars(jars: Jars, installing?: (what: string) => void): Promise<Obtained> {
  if (jars.javaMin !== undefined) await checkJava(jars, jars.javaMin)
  return obtainFolder(jars.name, async folder => {
    installing?.(`${jars.name} with Maven (once, into a cache outside of the project)`)
    const pom = join(folder, 'pom.xml')
    const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
    try {
      await runCommand('java', ['-version'])
      await writeFile(pom, pomOf(jars.coordinates))
      await runCommand('mvn', ['-q', '-B', '-f', pom, ...copy], { cwd: folder })
    } catch (error) {
      throw unavailable(jars, error)
    }
    await rm(pom)
    for (const [name, content] of Object.entries(jars.files ?? {})) await writeFile(join(folder, name), content)
  })
}

async function checkJava(jars: Jars, javaMin: number): Promise<void> {
  try {
    const output = await runCommand('java', ['-version'])
    const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0)
    if (major < javaMin) throw new Error(`"java -version" says ${output.trim()}, which is older than ${javaMin}`)
  } catch (error) {
    throw unavailable(jars, error)
  }
}

function unavailable(jars: Jars, error: unknown): ServiceUnavailable {
  const why = error instanceof Error ? error.message : String(error)
  const help = `Java 17 and Maven 3 with a connection to Maven's central repository, or ${jars.otherwise}`
  return new ServiceUnavailable(jars.name, why, help)
}

function pomOf(coordinates: readonly string[]): string {
  const dependencies = coordinates.map(coordinate => {
    const [group, artifact, version] = coordinate.split(':')
    const id = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`
    return `<dependency>${id}</dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>crossbeat</groupId><artifactId>services</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>
`
}
