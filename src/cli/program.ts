// The command line: which commands there are, with which options, and what their help says. Each command is a function in a file of its own,
// loaded only when it runs. Exit codes: 0 ok, 1 usage or configuration, 2 differences or failures, 3 unreachable.
import { Command, CommanderError, Option } from 'commander'
import { addAccountCommands } from './account-program.ts'
import { exitCodes } from './control-access.ts'
import type { ProgramOptions } from './program-options.ts'
import { createPaint } from './render.ts'
import type { RoleOptions } from './role-choice.ts'

interface GlobalOptions {
  readonly json?: boolean
  readonly control?: string
  readonly token?: string
  readonly config?: string
}

/** Runs the command that the arguments (without the program's own name) ask for; answers the exit code. Rejects only for defects. */
export async function runProgram(args: readonly string[], options: ProgramOptions): Promise<number> {
  let code: number = exitCodes.ok
  const ends = (command: Promise<number>): Promise<void> =>
    command.then(result => {
      code = result
    })
  const program = createProgram(options)
  addServerCommands(program, options, ends)
  addDemoCommands(program, options, ends)
  addControlCommands(program, options, ends)
  addConfigCommands(program, options, ends)
  addAccountCommands(program, options, ends)
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    throw error
  }
}

type Ends = (command: Promise<number>) => Promise<void>

function createProgram({ output, version }: ProgramOptions): Command {
  return new Command('crossbeat')
    .description('An S3 server that keeps copies of buckets in public clouds, and can prove what has arrived.')
    .version(version)
    .option('--json', 'print JSON, one object per line')
    .option('--control <url>', 'address of the control API (default: http://127.0.0.1:8900, or what --config says)')
    .option('--token <token>', 'token of the control API (default: what --config says)')
    .option('--config <file>', 'configuration file (crossbeat.yaml)')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: text => output.stdout(text.replace(/\n$/, '')),
      writeErr: text => output.stderr(text.replace(/\n$/, '')),
      outputError: (text, write) => write(`crossbeat: ${oneLine(text)}`),
    })
    .addHelpText('after', examples(['start --config crossbeat.yaml', 'status', 'pause awsbackend', 'resume --in 6h']))
}

function oneLine(error: string): string {
  const text = error.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  return `${text.trim().replace(/\.$/, '')}; see crossbeat --help`
}

function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map(line => `  crossbeat ${line}\n`).join('')}`
}

/** An option that may come more than once, and with several values at once. */
function together(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',').map(part => part.trim())]
}

function addServerCommands(program: Command, { output }: ProgramOptions, ends: Ends): void {
  program
    .command('start')
    .description('run the S3 server and its replication until it is told to stop')
    .option('--role <role>', 'only this role (repeatable): s3, populator, processor, status, control', together)
    .option('--site <site>', 'queue processor of this site only (repeatable)', together)
    .option('--health <address>', 'where to answer /live, /ready and /metrics without the role control')
    .option('--wait <seconds>', 'how long to wait for servers that are not there yet (default: 60)')
    .addHelpText(
      'after',
      examples(['start --config crossbeat.yaml', 'start --config crossbeat.yaml --role processor --site awsbackend']),
    )
    .action((options: RoleOptions, command: Command) => {
      const { config } = command.optsWithGlobals<GlobalOptions>()
      if (config === undefined) command.error("error: start needs '--config <file>'")
      return ends(import('./start.ts').then(({ start }) => start({ ...options, config }, output)))
    })
}

function addDemoCommands(program: Command, { output }: ProgramOptions, ends: Ends): void {
  const folder = '--data-dir <folder>'
  program
    .command('demo')
    .description('run Crossbeat with two stand-in clouds on this machine (what npm start does)')
    .option(folder, 'where everything is kept (default: the folder data of the project)')
    .addHelpText('after', examples(['demo', 'demo --data-dir /tmp/try']))
    .action((options: { readonly dataDir?: string }) =>
      ends(import('./demo.ts').then(({ demo }) => demo(options, output))),
    )
  program
    .command('distributed')
    .description('the same with every role as a process of its own (what npm run distributed does)')
    .option(folder, 'where everything is kept (default: the folder data/distributed of the project)')
    .addHelpText('after', examples(['distributed', 'distributed --data-dir /tmp/try']))
    .action((options: { readonly dataDir?: string }) =>
      ends(import('./distributed.ts').then(({ distributed }) => distributed(options, output))),
    )
}

function addControlCommands(program: Command, { output, world, colours }: ProgramOptions, ends: Ends): void {
  const why = new Option('--why <text>', 'the reason, kept with the state')
  program
    .command('status')
    .argument('[location]', 'one location (default: all)')
    .description('show what each location does and what it still has to do')
    .addHelpText('after', examples(['status', 'status awsbackend --json']))
    .action((location: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>()
      return ends(import('./status.ts').then(({ status }) => status(location, options, output, createPaint(colours))))
    })
  program
    .command('pause')
    .argument('[location]', 'one location (default: all)')
    .description('stop replicating to a location; what is in flight finishes, a scheduled resume is cancelled')
    .option('--wait', 'return when nothing is in flight any more')
    .addOption(why)
    .addHelpText('after', examples(['pause awsbackend --wait', "pause --why 'maintenance'"]))
    .action((location: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { wait?: boolean; why?: string }>()
      return ends(import('./pause-resume.ts').then(({ pause }) => pause(location, options, output, world)))
    })
  program
    .command('resume')
    .argument('[location]', 'one location (default: all)')
    .description('go on replicating to a location, now or later')
    .addOption(new Option('--in <duration>', 'after so much time: 90m, 6h, 1d12h').conflicts(['at', 'cancel']))
    .addOption(new Option('--at <time>', 'at a time: 22:00, 2030-01-31T22:00, 2030-01-31T22:00Z').conflicts('cancel'))
    .addOption(new Option('--cancel', 'take back the time that was set; the location stays paused'))
    .addOption(why)
    .addHelpText('after', examples(['resume awsbackend', 'resume --in 6h', 'resume awsbackend --cancel']))
    .action((location: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { in?: string; at?: string; cancel?: boolean }>()
      return ends(import('./pause-resume.ts').then(({ resume }) => resume(location, options, output, world)))
    })
}

function addConfigCommands(program: Command, { output }: ProgramOptions, ends: Ends): void {
  const config = program.command('config').description('check, import and render configuration files')
  config
    .command('check')
    .argument('<file>', 'the file to check')
    .description('say whether a configuration would start, and everything that is wrong with it')
    .addHelpText('after', examples(['config check crossbeat.yaml']))
    .action((file: string) => ends(import('./config-check.ts').then(({ configCheck }) => configCheck(file, output))))
  config
    .command('import')
    .description("make a crossbeat.yaml from the original programs' files; the report goes to standard error")
    .option('--cloudserver <file>', "CloudServer's config.json")
    .option('--locations <file>', "CloudServer's locationConfig.json")
    .option('--authdata <file>', "CloudServer's authdata.json")
    .option('--backbeat <file>', "Backbeat's config.json")
    .option('--postgres <url>', "a PostgreSQL: Backbeat's Kafka, ZooKeeper and Redis then become the engine")
    .addHelpText(
      'after',
      examples(['config import --cloudserver config.json --backbeat conf/config.json > crossbeat.yaml']),
    )
    .action((options: Readonly<Record<string, string>>) =>
      ends(import('./config-import.ts').then(({ configImport }) => configImport(options, output))),
    )
  config
    .command('render')
    .description('turn env_replication_endpoints into both halves of the configuration, as JSON')
    .requiredOption('--federation <file>', 'the group variables, YAML')
    .addHelpText('after', examples(['config render --federation group_vars.yml']))
    .action((options: { readonly federation: string }) =>
      ends(import('./config-render.ts').then(({ configRender }) => configRender(options, output))),
    )
}
