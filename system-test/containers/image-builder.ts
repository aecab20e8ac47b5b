import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { DockerfileParser, type Copy, type Instruction } from 'dockerfile-ast'
import { copyContext } from './build-context.js'
import { PROJECT } from './compose-file.js'

/** What a stage of the Dockerfile came to: a folder that is its root, and what a container of it begins with. */
export interface Image {
  root: string
  workdir: string
  env: Record<string, string>
  user: string
  healthcheck: string[]
  entrypoint: string[]
  command: string[]
}

// The same lock file has filled the project's node_modules already, and these packages are in no image.
const INSTALLED_ALREADY = 'npm ci --omit=optional'
const OWN_PACKAGES = '@fastify-uws-auth'

/**
 * Does what the Dockerfile says, with the programs of this machine in the place of the base images. What it calls / is
 * the folder of the stage; commands run in the working directory and, as in a build, as the user who builds.
 */
export class ImageBuilder {
  readonly #folder: string
  readonly #context: string
  readonly #stages = readStages()
  readonly #built = new Map<string, Promise<Image>>()

  /** @param folder empty; gets the build context and a folder for each stage */
  constructor (folder: string) {
    this.#folder = folder
    this.#context = path.join(folder, 'context')
    copyContext(this.#context)
  }

  /** Builds a stage and what it is made from, each once. @throws {Error} with what a command said that failed */
  async build (stage: string): Promise<Image> {
    let image = this.#built.get(stage)
    if (image === undefined) this.#built.set(stage, image = this.#buildStage(stage))
    return await image
  }

  async #buildStage (stage: string): Promise<Image> {
    const [from, ...instructions] = this.#stages.get(stage) ?? []
    if (from === undefined) throw new Error(`the Dockerfile has no stage ${stage}`)
    const image: Image = { root: path.join(this.#folder, stage), workdir: '/', env: {}, user: 'root', healthcheck: [], entrypoint: [], command: [] }
    mkdirSync(image.root, { mode: 0o755 })
    const base = from.getArguments()[0]!.getValue()
    if (this.#stages.has(base)) {
      const { root, env, ...others } = await this.build(base)
      Object.assign(image, others, { env: { ...env } })
      await run('cp', ['-a', `${root}/.`, image.root])
    }
    for (const instruction of instructions) await this.#follow(instruction, image)
    return image
  }

  async #follow (instruction: Instruction, image: Image): Promise<void> {
    const words = instruction.getArguments().map(argument => argument.getValue())
    const text = instruction.getArgumentsContent()!
    switch (instruction.getKeyword()) {
      case 'WORKDIR':
        image.workdir = words[0]!
        mkdirSync(path.join(image.root, image.workdir), { recursive: true })
        break
      case 'ENV':
        for (const word of words) image.env[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1)
        break
      case 'COPY':
        await this.#copy((instruction as Copy).getFromFlag()?.getValue(), words, image)
        break
      case 'RUN':
        if (text === INSTALLED_ALREADY) await reuseInstalled(path.join(image.root, image.workdir, 'node_modules'))
        else await run('sh', ['-c', text], path.join(image.root, image.workdir), image.env)
        break
      case 'USER': image.user = words[0]!; break
      case 'HEALTHCHECK': image.healthcheck = JSON.parse(text.slice(text.indexOf('CMD') + 3)) as string[]; break
      case 'ENTRYPOINT': image.entrypoint = JSON.parse(text) as string[]; break
      case 'CMD': image.command = JSON.parse(text) as string[]; break
      case 'EXPOSE': break
      default: throw new Error(`this does not know ${instruction.getKeyword()}`)
    }
  }

  async #copy (from: string | null | undefined, paths: string[], image: Image): Promise<void> {
    const target = path.join(image.root, path.resolve(image.workdir, paths.at(-1)!))
    const origin = from == null ? this.#context : (await this.build(from)).root
    const sources = paths.slice(0, -1).map(source => path.join(origin, source))
    for (const source of sources) {
      const isFolder = statSync(source).isDirectory()
      const into = isFolder || paths.at(-1)!.endsWith('/') ? target : path.dirname(target)
      mkdirSync(into, { recursive: true })
      // What another stage made nobody changes any more: a second name for it is enough.
      await run('cp', [from == null ? '-a' : '-al', isFolder ? `${source}/.` : source, isFolder || into === target ? into : target])
    }
  }
}

function readStages (): Map<string, Instruction[]> {
  const stages = new Map<string, Instruction[]>()
  let current: Instruction[] = []
  for (const instruction of DockerfileParser.parse(readFileSync(path.join(PROJECT, 'Dockerfile'), 'utf8')).getInstructions()) {
    if (instruction.getKeyword() === 'FROM') stages.set(instruction.getArguments().at(-1)!.getValue(), current = [])
    current.push(instruction)
  }
  return stages
}

// All but our own packages, which have to lead to the folders beside them.
async function reuseInstalled (folder: string): Promise<void> {
  const installed = path.join(PROJECT, 'node_modules')
  mkdirSync(folder)
  for (const name of readdirSync(installed).filter(name => name !== OWN_PACKAGES)) symlinkSync(path.join(installed, name), path.join(folder, name))
  await run('cp', ['-a', path.join(installed, OWN_PACKAGES), folder])
}

async function run (program: string, args: string[], cwd?: string, env: Record<string, string> = {}): Promise<void> {
  const child = spawn(program, args, {
    cwd,
    // Nothing of this project's own npm run may reach another one.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], npm_config_prefer_offline: 'true', npm_config_loglevel: 'error', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
  const code = await new Promise(resolve => child.once('close', resolve))
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${output}`)
}
