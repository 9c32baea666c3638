/** The Dagger module without an engine: its classes against a recorder of queries. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { dag } from "@dagger.io/dagger"
import { expect } from "chai"
import { parse } from "yaml"
import { ROOT } from "../../support/get-data.ts"
import { type Answers, FailedExec, pipelineModule, recorded } from "../../support/recording-engine.ts"

const PAGE = JSON.stringify({ page: { number: 1755 } })
const COMMIT = "0123456789abcdef0123456789abcdef01234567"
const main = readFileSync(join(ROOT, "ci/src/index.ts"), "utf8")
const source = main + readFileSync(join(ROOT, "ci/src/lambda.ts"), "utf8")

/** Every function and the constructor: comment, decorators, name, parameters. */
const declared = [
  ...source
    .replaceAll(/@argument\(\{[^}]*\}\) /g, "")
    .replaceAll(/ = "[^"]*"/g, "")
    .matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*((?:@\w+\([^)]*\)\s*)*)(?:async )?(\w+)\(([^)]*)\)/g),
].map(([, comment = "", decorators = "", name = "", parameters = ""]) => ({
  comment: comment.replaceAll(/^\s*\* ?/gm, "").trim(),
  decorators,
  name,
  parameters: [...parameters.matchAll(/(\w+)\??:/g)].map(([, parameter]) => parameter ?? ""),
}))

describe("the Dagger module", () => {
  let Perigee: Awaited<ReturnType<typeof pipelineModule>>["Perigee"]
  before(async () => {
    ;({ Perigee } = await pipelineModule())
  })

  const directory = (id: string) => dag.loadDirectoryFromID(id as never)
  const secret = () => dag.loadSecretFromID("SECRET" as never)
  const service = () => dag.loadServiceFromID("SERVICE" as never)
  const pipeline = (...rest: [nodeImage?: string, runtimeImage?: string, platform?: never]) =>
    new Perigee(directory("SOURCE"), ...rest)
  const chainsOf = (work: () => Promise<unknown>, answers: Answers = {}) =>
    recorded({ contents: PAGE, ...answers }, work)
  const execOf = (chains: readonly string[]) => chains.find((chain) => chain.includes("useEntrypoint")) ?? ""

  describe("build", () => {
    it("gives the Dockerfile both base images, the defaults or the caller's", async () => {
      const build = (p: InstanceType<typeof Perigee>) => async () => await (await p.build(directory("GIT"))).sync()
      const [byDefault = ""] = (await chainsOf(build(pipeline()))).filter((chain) => chain.endsWith(".sync"))
      expect(byDefault).to.contain('"dockerfile":"app/Dockerfile"')
      expect(byDefault).to.contain('{"name":"NODE_IMAGE","value":"node:24-trixie-slim"}')
      expect(byDefault).to.contain('{"name":"RUNTIME_IMAGE","value":"gcr.io/distroless/cc-debian13:nonroot"}')
      const mirrored = pipeline("registry.example/node:24", "registry.example/cc:1", "linux/arm64" as never)
      const answers = { defaultPlatform: "linux/arm64", platform: "linux/arm64" }
      const [chosen = ""] = (await chainsOf(build(mirrored), answers)).filter((chain) => chain.endsWith(".sync"))
      expect(chosen).to.contain("registry.example/node:24").and.to.contain("registry.example/cc:1")
      expect(chosen).to.contain('"platform":"linux/arm64"').and.not.to.contain("gcr.io")
    })

    for (const [what, isEmpty, label] of [
      ["a clean tree with its commit", true, COMMIT],
      ["a tree with changes with its commit and -dirty", false, `${COMMIT}-dirty`],
    ] as const) {
      it(`labels ${what}`, async () => {
        const answers = { exists: true, commit: COMMIT, isEmpty }
        const chains = await chainsOf(async () => await (await pipeline().build(directory("GIT"))).sync(), answers)
        expect(chains.at(-1)).to.contain(`{"name":"REVISION","value":"${label}"}`)
      })
    }

    for (const leaf of ["exists", "commit", "isEmpty"]) {
      it(`labels no revision where git can't tell one (${leaf} fails), and builds all the same`, async () => {
        const fail = () => {
          throw new FailedExec(128, "fatal: not a git repository")
        }
        const answers = { exists: true, commit: COMMIT, isEmpty: true, [leaf]: fail }
        const chains = await chainsOf(async () => await (await pipeline().build(directory("GIT"))).sync(), answers)
        expect(chains.at(-1)).to.contain("dockerBuild").and.not.to.contain("REVISION")
      })
    }

    it("builds for another platform on the engine's own, and refuses base images that are not made for it", async () => {
      const arm = pipeline(undefined, undefined, "linux/arm64" as never)
      const build = async () => await (await arm.build(directory("GIT"))).sync()
      const chains = await chainsOf(build, { defaultPlatform: "linux/amd64", platform: "linux/arm64" })
      expect(chains.at(-1)).to.contain('{"name":"BUILDPLATFORM","value":"linux/amd64"}')
      let failed: unknown
      const caught = () => build().catch((error: unknown) => (failed = error))
      await chainsOf(caught, { defaultPlatform: "linux/amd64", platform: "linux/amd64" })
      expect(failed).to.match(/--platform=linux\/arm64: the base images give linux\/amd64/)
    })

    for (const epoch of [-1, 253_402_300_800]) {
      it(`refuses a date out of range (${epoch}), saying which and what is`, async () => {
        let failed: unknown
        const build = () => pipeline().build(directory("GIT"), undefined, undefined, "", epoch)
        await chainsOf(() => build().catch((error: unknown) => (failed = error)))
        expect(failed).to.match(/--source-date-epoch: -?\d+ is not from 0 to 253402300799/)
      })
    }

    it("works in a folder without git, labelling no revision", async () => {
      const chains = await chainsOf(async () => await (await pipeline().build(directory("GIT"))).sync())
      expect(chains.join()).not.to.contain("asGit").and.not.to.contain("REVISION")
    })

    it("takes any folder with a Dockerfile, a repository address and a date", async () => {
      const build = () =>
        pipeline().build(directory("GIT"), directory("FOLDER"), "Dockerfile", "https://example.org/r", 86400)
      const chains = await chainsOf(async () => await (await build()).sync())
      expect(chains.at(-1)).to.match(/^FOLDER\.dockerBuild\("dockerfile":"Dockerfile"/)
      expect(chains.at(-1)).to.contain('{"name":"SOURCE","value":"https://example.org/r"}')
      expect(chains.at(-1)).to.contain('{"name":"CREATED","value":"1970-01-02T00:00:00Z"}')
    })
  })

  describe("run, extract-output, echo", () => {
    it("give the key as a secret file and nothing else: its text is in no query", async () => {
      const chains = await chainsOf(() => pipeline().echo(secret(), 1755, 20, service()))
      const mount =
        'withMountedSecret("path":"/run/secrets/nasa_api_key","source":"SECRET","owner":"65532:65532","mode":256)'
      expect(execOf(chains)).to.contain(mount)
      expect(execOf(chains)).to.contain('"NASA_API_KEY_FILE","value":"/run/secrets/nasa_api_key"')
      for (const chain of chains) {
        expect(chain).not.to.match(/plaintext|setSecret|withNewFile/)
        expect(chain).not.to.match(/withEnvVariable\("name":"NASA_API_KEY"/)
      }
    })

    it("set no key where none is given", async () => {
      expect((await chainsOf(() => pipeline().echo())).join()).not.to.contain("NASA_API_KEY")
    })

    it("run the image's own entrypoint after everything it needs is bound, on page 1755 by default", async () => {
      const exec = execOf(await chainsOf(() => pipeline().run(secret(), undefined, undefined, service())))
      expect(exec).to.match(/withServiceBinding.*withEnvVariable\("name":"PERIGEE_CALL".*withExec.*\.sync$/)
      expect(exec).to.match(/withExec\("args":\["--page","1755","--size","20"\],"useEntrypoint":true\)\.sync$/)
    })

    it("ask NASA's API unless told otherwise, a bound service on its first port, or the base URL as it is given", async () => {
      const urls = async (...rest: [neows?: ReturnType<typeof service>, baseUrl?: string]) =>
        [
          ...execOf(await chainsOf(() => pipeline().run(undefined, 1, 1, ...rest))).matchAll(
            /NEOWS_BASE_URL","value":"([^"]*)/g,
          ),
        ]
          .map(([, url]) => url)
          .at(-1)
      expect(await urls()).to.equal("")
      expect(await urls(service())).to.equal("http://neows:8080")
      expect(await urls(service(), "http://neows:8080/fault/503")).to.equal("http://neows:8080/fault/503")
      expect(await urls(undefined, "https://mirror.example/nasa")).to.equal("https://mirror.example/nasa")
    })

    it("fetch anew at every call, and once for the three of them", async () => {
      const calls = new Set<string>()
      for (let call = 1; call <= 3; call += 1) {
        const chains = await chainsOf(() => pipeline().echo())
        const found = new Set(
          chains.flatMap((chain) => [...chain.matchAll(/PERIGEE_CALL","value":"([^"]+)/g)].map(([, id]) => id)),
        )
        expect(found.size).to.equal(1)
        for (const id of found) calls.add(id ?? "")
      }
      expect(calls.size).to.equal(3)
    })

    it("take the file from /app/output/response.json", async () => {
      const chains = await chainsOf(() => pipeline().extractOutput())
      expect(chains.at(-1)).to.match(/\.file\("path":"\/app\/output\/response\.json"\)\.contents$/)
    })

    it("fail where that file is no JSON, or another page", async () => {
      const failure = async (contents: string) => {
        let failed: unknown
        await chainsOf(
          async () =>
            pipeline()
              .echo()
              .catch((error: unknown) => (failed = error)),
          { contents },
        )
        return failed
      }
      expect(await failure("<html>")).to.be.instanceOf(SyntaxError)
      expect(await failure('{"page":{"number":3}}')).to.match(/holds page 3, not 1755/)
      expect(await failure("{}")).to.match(/holds page undefined/)
    })

    it("let a failing program's own error through, so that dagger shows its words and exits with its code", async () => {
      const fail = () => {
        throw new FailedExec(77, "get-data: the API rejects the key")
      }
      let failed: unknown
      await chainsOf(
        async () =>
          pipeline()
            .echo()
            .catch((error: unknown) => (failed = error)),
        { sync: fail },
      )
      expect(failed).to.include({ name: "ExecError", exitCode: 77, stderr: "get-data: the API rejects the key" })
    })
  })

  describe("lambda", () => {
    const lambda = (...rest: Parameters<typeof pipeline>) => pipeline(...rest).lambda()

    it("package is the zip of the Dockerfile's build stage, which needs no Lambda base", async () => {
      const [chain = ""] = await chainsOf(async () => await lambda("registry.example/node:24").package().contents())
      expect(chain).to.match(/^SOURCE\.dockerBuild\(.*"dockerfile":"lambda\/Dockerfile".*"target":"build"/)
      expect(chain).to.contain('{"name":"NODE_IMAGE","value":"registry.example/node:24"}')
      expect(chain).to.contain('.file("path":"/src/lambda/dist/lambda.zip")').and.not.to.contain("LAMBDA_IMAGE")
    })

    it("image is on AWS' base, or on the caller's, for the platform asked for", async () => {
      const [byDefault = ""] = await chainsOf(async () => await (await lambda().image()).sync())
      expect(byDefault).to.contain('{"name":"LAMBDA_IMAGE","value":"public.ecr.aws/lambda/nodejs:24"}')
      expect(byDefault).not.to.contain('"target"')
      const arm = lambda(undefined, undefined, "linux/arm64" as never)
      const answers = { defaultPlatform: "linux/arm64", platform: "linux/arm64" }
      const work = async () => await (await arm.image("registry.example/lambda")).sync()
      const [chosen = ""] = (await chainsOf(work, answers)).filter((chain) => chain.endsWith(".sync"))
      expect(chosen).to.contain('{"name":"LAMBDA_IMAGE","value":"registry.example/lambda"}')
      expect(chosen).to.contain('"platform":"linux/arm64"')
    })

    it("invoke posts the event to the image's own entrypoint on port 8080", async () => {
      const chains = await chainsOf(() => lambda().invoke(12, 3, secret(), service()))
      const chain = chains.at(-1) ?? ""
      expect(chain).to.contain("http://lambda:8080/2015-03-31/functions/function/invocations")
      expect(chain).to.match(/\{\\*"page\\*":12,\\*"size\\*":3\}/)
      expect(chain).to.match(/asService\(.*useEntrypoint/)
      expect(chain).to.match(/NEOWS_BASE_URL.*http:\/\/neows:8080/)
    })

    it("invoke gives the key as a secret variable of the function alone", async () => {
      for (const chain of await chainsOf(() => lambda().invoke(1, 1, secret()))) {
        expect(chain).not.to.match(/plaintext|setSecret|withNewFile/)
        expect(chain.split("withSecretVariable").length).to.be.below(3)
      }
      expect((await chainsOf(() => lambda().invoke(1, 1, secret()))).join()).to.contain("NASA_API_KEY")
      expect((await chainsOf(() => lambda().invoke())).join()).not.to.contain("NASA_API_KEY")
    })

    it("invoke is another environment and another call every time", async () => {
      const ids = async () =>
        new Set(
          [...(await chainsOf(() => lambda().invoke())).join().matchAll(/PERIGEE_CALL\W+value\W+([\w-]{36})/g)].map(
            ([, id]) => id,
          ),
        )
      const [first, second] = [await ids(), await ids()]
      expect([first.size, second.size]).to.deep.equal([1, 1])
      expect([...first]).not.to.deep.equal([...second])
    })

    it("service is the same image, its port open", async () => {
      const chains = await chainsOf(async () => await (await lambda().service(secret(), service())).start())
      expect(chains.at(-1)).to.match(/withSecretVariable\(.*withExposedPort\("port":8080\).*asService/)
    })
  })

  it("demo asks the stand-in alone, with no key", async () => {
    const chains = await chainsOf(() => pipeline().demo())
    expect(execOf(chains)).to.contain('"http://neows:8080"').and.not.to.contain("NASA_API_KEY")
    expect(chains.join()).to.contain('"/standin/main.ts","--host","0.0.0.0","--port","8080"')
  })

  it("installs by the manifests alone, so that an edit elsewhere leaves it cached", async () => {
    const [install = ""] = (await chainsOf(() => pipeline().lint())).filter((chain) => chain.endsWith(".sync"))
    const [before = ""] = install.split('"npm","ci"')
    expect(before).to.contain("SOURCE.filter(").and.not.to.contain('"source":"SOURCE"')
  })

  it("a suite's verdict and its report come from the same execution", async () => {
    const exec = (chains: readonly string[]) =>
      new Set(
        chains.flatMap((chain) =>
          [...chain.replaceAll("\\", "").matchAll(/withExec\("args":\["sh","-c","mkdir[^)]*"unit"/g)].map(String),
        ),
      )
    const verdict = exec(await chainsOf(() => pipeline().unitTests()))
    const report = exec(await chainsOf(() => pipeline().testReport().id()))
    expect(verdict.size).to.equal(1)
    expect([...report]).to.deep.equal([...verdict])
  })

  it("ci runs exactly the functions that are checks, then the demo, and tells each in a table", async () => {
    const checks = [...source.matchAll(/@check\(\)\s+@func\(\)\s+async (\w+)\(/g)].map(([, name]) => name)
    expect(checks).to.have.length(5)
    const kebab = (name = "") => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    let table = ""
    await chainsOf(async () => (table = await pipeline().ci()))
    const rows = table
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/\s+/).slice(0, 2).join(" "))
    expect(rows).to.deep.equal([...checks.map((name) => `✓ ${kebab(name)}`), "✓ demo"])
  })

  it("ci fails with the failed check's own error", async () => {
    const fail = (chain: string) => {
      if (chain.includes('"type-check"')) throw new FailedExec(2, "error TS2322")
      return chain
    }
    let failed: unknown
    await chainsOf(
      async () =>
        pipeline()
          .ci()
          .catch((error: unknown) => (failed = error)),
      { sync: fail },
    )
    expect(failed).to.include({ name: "ExecError", exitCode: 2 })
  })

  it("synth runs the stage's synthesis in the repository's workspace and takes the assembly out", async () => {
    const chains = await chainsOf(async () => await pipeline().synth("production").id())
    expect(chains.at(-1)).to.contain('["npm","run","--silent","synth","--","--stage=production","--out=infra/cdk.out"]')
    expect(chains.at(-1)).to.contain('directory("path":"infra/cdk.out")')
  })

  it("prove runs the stage's proofs, production's by default, and gives what they say", async () => {
    let said = ""
    const chains = await chainsOf(async () => (said = await pipeline().prove()), { stdout: "✔ network.matrix" })
    expect(chains.at(-1)).to.contain('["npm","run","--silent","prove","--","--stage=production"]')
    expect(said).to.equal("✔ network.matrix")
  })

  it("diagram takes the drawing out", async () => {
    const chains = await chainsOf(async () => await pipeline().diagram("development").id())
    expect(chains.at(-1)).to.contain('"--stage=development","--out=/perigee/output/architecture"')
    expect(chains.at(-1)).to.contain('directory("path":"/perigee/output/architecture")')
  })

  describe("publish", () => {
    const named = (id: string) => dag.loadSecretFromID(id as never)
    const answers = { exists: true, commit: COMMIT, isEmpty: true, digest: "xxh3:fedcba9876543210" }
    type Rest =
      Parameters<InstanceType<typeof Perigee>["publish"]> extends [unknown, unknown, ...infer More] ? More : never
    const publish = async (told: Answers, ...rest: Rest) =>
      await chainsOf(() => pipeline("registry.example/node:24").publish(directory("GIT"), "development", ...rest), told)
    const keys: Rest = [undefined, "", named("KEY-ID"), named("SECRET-KEY"), named("SESSION")]
    const execOfDeploy = (chains: readonly string[]) =>
      chains.find((chain) => /"deploy","--","publish".*\.sync$/.test(chain)) ?? ""

    it("mounts every image as a tarball beside the deploy program, which alone runs", async () => {
      const exec = execOfDeploy(await publish(answers, ...keys))
      for (const name of ["get_data", "neows_lambda", "user_metadata", "flight_metadata", "flights_availability"]) {
        expect(exec).to.match(
          new RegExp(`withMountedFile\\("path":"/images/${name}\\.tar","source":"SOURCE\\.dockerBuild`),
        )
      }
      expect(exec)
        .to.contain("asTarball")
        .and.to.contain('{\\"name\\":\\"SERVICE\\",\\"value\\":\\"flight_metadata\\"}')
      const args = `"publish","--stage=development","--images=/images","--out=output/publish","--commit=${COMMIT}"`
      expect(exec).to.contain(args).and.to.contain('"--node-image=registry.example/node:24"')
      expect(exec.match(/"deploy","--"/g)).to.have.length(1)
    })

    it("gives digests.json's folder, made in this call", async () => {
      const chains = await publish(answers, ...keys)
      expect(chains.at(-1)).to.match(/directory\("path":"output\/publish"\)\.sync$/)
    })

    it("sets no credentials where none are given", async () => {
      expect((await publish(answers)).join()).not.to.match(/AWS_|oidc|role-arn/)
    })

    it("tells the program of a tree with changes, by a digest of the tree", async () => {
      const exec = execOfDeploy(await publish({ ...answers, isEmpty: false }, ...keys))
      expect(exec).to.contain(`"--commit=${COMMIT}","--changes=xxh3:fedcba9876543210"`)
      expect(exec).to.contain(`${COMMIT}-dirty`)
    })

    it("takes the commit from the caller where there is no git, and asks for it", async () => {
      const told = "fedcba9876543210fedcba9876543210fedcba98"
      expect(execOfDeploy(await publish({ exists: false }, undefined, told))).to.contain(`"--commit=${told}"`)
      let failed: unknown
      await chainsOf(() =>
        pipeline()
          .publish(directory("GIT"), "development")
          .catch((error: unknown) => (failed = error)),
      )
      expect(failed).to.match(/git can't tell the commit from this folder: give it, --commit=/)
    })
  })

  describe("plan", () => {
    const planOf = async (images: boolean) =>
      await chainsOf(() =>
        pipeline().plan(
          "production",
          images ? dag.loadFileFromID("DIGESTS" as never) : undefined,
          dag.loadSecretFromID("KEY-ID" as never),
          dag.loadSecretFromID("SECRET-KEY" as never),
        ),
      )

    it("runs the deploy program on publish's digests, and gives the plan made in this call", async () => {
      const last = (await planOf(true)).at(-1) ?? ""
      expect(last).to.contain('withMountedFile("path":"/given/images.json","source":"DIGESTS")')
      const args = '"plan","--stage=production","--images=/given/images.json","--out=/perigee/plan.json"'
      expect(last)
        .to.contain(args)
        .and.to.match(/file\("path":"\/perigee\/plan\.json"\)\.sync$/)
      expect(last).to.contain('withSecretVariable("name":"AWS_SECRET_ACCESS_KEY","secret":"SECRET-KEY")')
    })

    it("leaves the running images where it is given no digests", async () => {
      expect((await planOf(false)).at(-1)).to.contain('"plan","--stage=production","--out=/perigee/plan.json"')
    })
  })

  describe("the deploy program's commands", () => {
    const named = (id: string) => dag.loadSecretFromID(id as never)
    const images = dag.loadFileFromID("DIGESTS" as never)
    const answers = { exists: true, commit: COMMIT, isEmpty: true, stdout: "what it said" }
    /** Calls a function by the names of its arguments, as the CLI does. */
    const call = async (name: string, given: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
      const args = { git: directory("GIT"), stage: "development", ...NEEDED[name], ...given } as Record<string, unknown>
      const { parameters = [] } = declared.find((one) => one.name === name) ?? {}
      for (const argument of Object.keys(given)) expect(parameters, name).to.include(argument)
      const method = (pipeline() as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name]
      return await method?.apply(
        pipeline(),
        parameters.map((parameter) => args[parameter]),
      )
    }
    const commandOf = (name: string) => name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)
    const execOf = (chains: readonly string[]) => chains.find((chain) => /"deploy","--".*\.sync$/.test(chain)) ?? ""
    const TEXTS = [
      "bootstrap",
      "verify",
      "diff",
      "deploy",
      "rollback",
      "status",
      "history",
      "logs",
      "moveEgress",
      "destroy",
    ]
    /** What a function has no default for. */
    const NEEDED: Readonly<Record<string, object>> = {
      logs: { service: "user_metadata" },
      moveEgress: { toZone: "b" },
      destroy: { confirm: "development" },
    }
    const plan = dag.loadFileFromID("PLAN" as never)
    const ALL = [...TEXTS, "publish", "plan"]

    for (const [name, given, args] of [
      ["bootstrap", {}, []],
      ["verify", {}, ["--seconds=30"]],
      ["verify", { images, seconds: 5 }, ["--images=/given/images.json", "--seconds=5"]],
      ["diff", {}, []],
      ["diff", { images }, ["--images=/given/images.json"]],
      ["status", {}, []],
      ["history", {}, ["--limit=20"]],
      ["history", { limit: 3 }, ["--limit=3"]],
      ["deploy", {}, [`--commit=${COMMIT}`, "--wait=0", "--timeout=900"]],
      [
        "deploy",
        { approvedPlan: plan, images, wait: 600, timeout: 60, smokeUrl: "http://lb" },
        [
          "--approved-plan=/given/approved-plan.json",
          "--images=/given/images.json",
          "--smoke-url=http://lb",
          `--commit=${COMMIT}`,
          "--wait=600",
          "--timeout=60",
        ],
      ],
      [
        "deploy",
        { approve: "D", autoApprove: "non-destructive" },
        ["--approve=D", "--auto-approve=non-destructive", `--commit=${COMMIT}`, "--wait=0", "--timeout=900"],
      ],
      ["rollback", {}, ["--wait=0", "--timeout=900"]],
      ["rollback", { to: "0123456" }, ["--to=0123456", "--wait=0", "--timeout=900"]],
      ["logs", {}, ["--service=user_metadata", "--lines=100"]],
      ["logs", { lines: 5 }, ["--service=user_metadata", "--lines=5"]],
      ["moveEgress", {}, ["--to-zone=b", "--wait=0"]],
      ["destroy", {}, ["--confirm=development"]],
    ] as const) {
      it(`${[name, ...Object.keys(given)].join(" with ")} runs the command of that name, and gives what it says`, async () => {
        let said: unknown
        const exec = execOf(await chainsOf(async () => (said = await call(name, given)), answers))
        const whole = JSON.stringify([
          "npm",
          "run",
          "--silent",
          "deploy",
          "--",
          commandOf(name),
          "--stage=development",
          ...args,
        ])
        expect(exec).to.contain(`withExec("args":${whole})`)
        expect(exec.includes('withMountedFile("path":"/given/images.json","source":"DIGESTS")')).to.equal(
          "images" in given,
        )
        expect(said).to.equal("what it said")
      })
    }

    for (const name of TEXTS) {
      it(`${name} asks for JSON only where it is told to`, async () => {
        const plain = execOf(await chainsOf(() => call(name), answers))
        const json = execOf(await chainsOf(() => call(name, { asJson: true }), answers))
        expect(json).to.contain(`,"--json"`)
        expect(plain).not.to.contain("--json")
      })
    }

    for (const name of ALL) {
      it(`${name} acts again at a second call with the same arguments`, async () => {
        const calls: (string | undefined)[] = []
        for (const _ of [1, 2]) {
          const exec = execOf(await chainsOf(() => call(name), answers))
          calls.push(/PERIGEE_CALL","value":"([\w-]{36})"\)\.withExec/.exec(exec)?.[1])
        }
        expect(calls).to.satisfy(([first, second]: string[]) => first && second && first !== second)
      })

      it(`${name} fails with the program's own line and exit code`, async () => {
        const line = "deploy: there is no stage"
        const sync = (chain: string) => {
          if (chain.includes('"deploy","--"')) throw new FailedExec(64, line)
          return chain.slice(0, -".sync".length)
        }
        let failed: unknown
        await chainsOf(() => call(name).catch((error: unknown) => (failed = error)), { ...answers, sync })
        expect(failed).to.include({ name: "ExecError", exitCode: 64, stderr: line })
      })

      it(`${name} names no secret in any query, and asks what stands in AWS' place by name, its S3 by address`, async () => {
        const given = {
          accessKeyId: named("KEY-ID"),
          secretAccessKey: named("SECRET-KEY"),
          sessionToken: named("SESSION"),
          profileFile: named("PROFILE"),
          oidcToken: named("OIDC"),
          roleArn: "arn:aws:iam::1:role/r",
          aws: service(),
        }
        const chains = await chainsOf(() => call(name, given), answers)
        for (const chain of chains) {
          expect(chain).not.to.match(/plaintext|setSecret|withNewFile|withRegistryAuth/)
          expect(chain).not.to.match(/withEnvVariable\("name":"AWS_(ACCESS|SECRET|SESSION)/)
          for (const [args = ""] of chain.matchAll(/withExec\("args":\[.*?\]\)/g)) {
            expect(args).not.to.match(/KEY-ID|SECRET-KEY|"SESSION"|OIDC"|PROFILE/)
          }
        }
        const exec = execOf(chains)
        for (const [variable, id] of [
          ["ACCESS_KEY_ID", "KEY-ID"],
          ["SECRET_ACCESS_KEY", "SECRET-KEY"],
          ["SESSION_TOKEN", "SESSION"],
        ]) {
          expect(exec).to.contain(`withSecretVariable("name":"AWS_${variable}","secret":"${id}")`)
        }
        expect(exec).to.contain('withMountedSecret("path":"/run/secrets/oidc_token","source":"OIDC")')
        expect(exec).to.contain('"--role-arn=arn:aws:iam::1:role/r","--oidc-token=file:///run/secrets/oidc_token"')
        expect(exec).to.contain('"AWS_SHARED_CREDENTIALS_FILE","value":"/run/secrets/aws_profile"')
        expect(exec).to.contain('"AWS_ENDPOINT_URL","value":"http://aws:8080"')
        expect(exec).to.match(/withExec\("args":\["sh","-c","AWS_ENDPOINT_URL_S3=.*,"aws","8080","npm","run"/)
      })
    }

    it("deploy takes the commit from the caller where there is no git, and asks for it", async () => {
      const exec = execOf(await chainsOf(() => call("deploy", { commit: COMMIT }), { ...answers, exists: false }))
      expect(exec).to.contain(`"--commit=${COMMIT}"`)
      let failed: unknown
      await chainsOf(() => call("deploy").catch((error: unknown) => (failed = error)), { ...answers, exists: false })
      expect((failed as Error).message).to.match(/^deploy: git can't tell the commit .* --commit=/)
    })

    it("deploy, diff and plan take the Lambda's package as its build gives it; the others need none", async () => {
      for (const name of ALL) {
        const exec = execOf(await chainsOf(() => call(name), answers))
        const built = exec.includes('withExec("args":["npm","run","--silent","build","-w","lambda"])')
        expect(built, name).to.equal(["deploy", "diff", "plan"].includes(name))
      }
    })

    it("take who runs them by the same arguments, in the same words, last", () => {
      const identities = ALL.map((name) => {
        const { comment = "", parameters = [] } = declared.find((one) => one.name === name) ?? {}
        return { parameters: parameters.slice(-7), words: comment.slice(comment.indexOf("@param accessKeyId")) }
      })
      expect(identities[0]?.parameters).to.deep.equal([
        "accessKeyId",
        "secretAccessKey",
        "sessionToken",
        "profileFile",
        "oidcToken",
        "roleArn",
        "aws",
      ])
      for (const identity of identities) expect(identity).to.deep.equal(identities[0])
    })
  })

  it("names no path of the host in any query", async () => {
    const all = [
      ...(await chainsOf(() => pipeline().ci())),
      ...(await chainsOf(() => pipeline().testReport().id())),
      ...(await chainsOf(() => pipeline().echo(secret()))),
    ]
    for (const chain of all) expect(chain).not.to.match(/^host\b|"host\.|\.host\./)
  })

  describe("as it is declared", () => {
    it("every function, argument and the module itself is described", () => {
      expect(declared.map(({ name }) => name)).to.include.members(["constructor", "build", "run", "echo", "ci"])
      const functions = source.match(/@func\(/g) ?? []
      expect(declared.filter(({ decorators }) => decorators.includes("@func("))).to.have.length(functions.length)
      for (const { name, comment, parameters } of declared) {
        if (name !== "constructor") expect(comment, name).to.match(/^[A-Z]\w/)
        for (const parameter of parameters)
          expect(comment, `${name} ${parameter}`).to.match(new RegExp(`@param ${parameter} \\w`))
      }
      expect(source).to.match(/^\/\*\*\n \* \w/)
      expect(source.match(/@object\(\)/g)).to.have.length(2)
      expect(source.match(/\/\*\* \w[^\n]*\*\/\n@object\(\)/g)).to.have.length(2)
    })

    it("no argument is called as one of dagger call's own flags, which fails every call of its function", () => {
      // Source: `dagger call --help` of 0.21.8.
      const own = [
        ..."allowLlm autoApply debug eagerRuntime help interactive interactiveCommand json lock mod noExit noMod".split(
          " ",
        ),
        ..."output progress quiet silent verbose web xRelease".split(" "),
      ]
      for (const { name, parameters } of declared) expect(parameters, name).not.to.include.oneOf(own)
    })

    it("what reads or changes the outside is never cached as a function", () => {
      const never = declared.filter(({ decorators }) => decorators.includes('cache: "never"')).map(({ name }) => name)
      expect(never).to.deep.equal([
        "run",
        "extractOutput",
        "echo",
        "demo",
        "platform",
        "bootstrap",
        "publish",
        "verify",
        "plan",
        "diff",
        "status",
        "history",
        "deploy",
        "rollback",
        "logs",
        "moveEgress",
        "destroy",
        "ci",
        "invoke",
      ])
    })

    it("the engine, the SDK and CircleCI's CLI are of one version", () => {
      const json = (path: string) => JSON.parse(readFileSync(join(ROOT, path), "utf8"))
      const config = parse(readFileSync(join(ROOT, ".circleci/config.yml"), "utf8"))
      const { engineVersion } = json("dagger.json")
      expect(engineVersion).to.equal("v0.21.8")
      expect(json("package.json").devDependencies["@dagger.io/dagger"]).to.equal(engineVersion.slice(1))
      expect(config.executors.dagger.environment.DAGGER_VERSION).to.equal(engineVersion.slice(1))
    })

    it("ci/ has the engine's own TypeScript as its only dependency, which is its fastest start", () => {
      const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "ci/package.json"), "utf8"))
      expect({ dependencies, devDependencies }).to.deep.equal({
        dependencies: { typescript: "5.9.3" },
        devDependencies: undefined,
      })
    })
  })
})
