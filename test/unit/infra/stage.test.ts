/** A stage's configuration: the ones there are, and what is refused with which line. */
import { expect } from "chai"
import { STAGES, stageNamed } from "../../../infra/config/stages.ts"
import { blockOf, contains, overlap } from "../../../infra/src/cidr.ts"
import { type Stage, StageError, subnetCidr, TIERS } from "../../../infra/src/stage.ts"
import { check } from "../../../infra/src/stage-check.ts"
import { type Json, stage } from "../../support/infra/assembly.ts"

const production = stage("production")

/** Production with one place changed, as a person would who edits the file. */
function changed(change: (stage: Record<string, never>) => void): Stage {
  const copy = structuredClone(production)
  change(copy as never)
  return copy
}

describe("a stage", () => {
  for (const one of STAGES) {
    it(`${one.name} is right, beside the others`, () => {
      expect(check(one, STAGES)).to.equal(one)
    })
  }

  it("is found by its name", () => {
    expect(stageNamed("development").name).to.equal("development")
  })

  for (const name of [undefined, "", "prod", "Production", "../production", "__proto__"]) {
    it(`called ${name} there is none, and the line says which there are`, () => {
      expect(() => stageNamed(name)).to.throw(StageError, /there are development, production$/)
    })
  }

  const wrong: readonly [what: string, change: (stage: Json) => void, line: RegExp][] = [
    ["a name with capitals", (s) => (s.name = "Production"), /name "Production" must be 2 to 17/],
    ["an account of 11 digits", (s) => (s.account = "12345678901"), /give its 12 digits/],
    ["an unknown region", (s) => (s.region = "eu-middle-1"), /region "eu-middle-1" is no region/],
    [
      "two zones in production",
      (s) => (s.zones = ["a", "b"]),
      /zones has 2 of them; give 3 to 4 where data is protected/,
    ],
    ["five zones", (s) => (s.zones = ["a", "b", "c", "d", "e"]), /zones has 5/],
    ["a zone twice", (s) => (s.zones = ["a", "b", "b"]), /zones names "b"; give each zone's letter once/],
    ["a zone by its whole name", (s) => (s.zones = ["eu-central-1a", "b", "c"]), /zones names "eu-central-1a"/],
    ["an egress zone elsewhere", (s) => (s.network.egressZone = "d"), /egressZone "d" is none of the zones a, b, c/],
    ["a CIDR too small", (s) => (s.network.cidr = "10.20.0.0/20"), /too small for the subnets.*from \/16 to \/19/],
    ["a CIDR too large", (s) => (s.network.cidr = "10.0.0.0/8"), /larger than a VPC may be/],
    ["a CIDR that starts within its block", (s) => (s.network.cidr = "10.20.3.0/16"), /10\.20\.0\.0\/16 was meant/],
    ["a CIDR that is none", (s) => (s.network.cidr = "ten"), /network\.cidr: ten is no IPv4 block/],
    ["a public CIDR", (s) => (s.network.cidr = "55.55.0.0/16"), /is not private; take a block of 10\.0\.0\.0\/8/],
    [
      "a neighbour that overlaps",
      (s) => (s.network.neighbours = ["10.20.128.0/17"]),
      /overlaps its neighbour 10\.20\.128\.0\/17/,
    ],
    [
      "the other stage's block",
      (s) => (s.network.cidr = "10.30.0.0/16"),
      /overlaps 10\.30\.0\.0\/16 of the stage development/,
    ],
    [
      "an egress address that is none",
      (s) => (s.network.egressAddress = "55.55.55"),
      /network\.egressAddress: 55\.55\.55\/32 is no/,
    ],
    ["an endpoint that there is not", (s) => s.network.interfaceEndpoints.push("s4"), /names "s4"; there are ecr\.api/],
    [
      "a port twice",
      (s) => (s.services.flight_metadata.port = 1010),
      /flight_metadata\.port 1010 is user_metadata's already/,
    ],
    [
      "a port out of range",
      (s) => (s.services.flight_metadata.port = 70_000),
      /port is 70000; give a whole number from 1 to 65535/,
    ],
    ["a path twice", (s) => (s.services.flight_metadata.path = "/api/users"), /take the same requests/],
    [
      "a path below another's",
      (s) => (s.services.flight_metadata.path = "/api/users/flights"),
      /take the same requests/,
    ],
    ["a path with a pattern", (s) => (s.services.user_metadata.path = "/api/*"), /is no path/],
    [
      "one task",
      (s) => (s.services.user_metadata.minimum = 1),
      /minimum is 1; give a whole number from 2 to 1000 tasks/,
    ],
    [
      "a maximum below the minimum",
      (s) => (s.services.user_metadata.maximum = 2),
      /maximum is 2; give a whole number from 3/,
    ],
    ["a CPU that Fargate has not", (s) => (s.services.user_metadata.cpu = 300), /cpu is 300; Fargate has 256, 512/],
    [
      "a memory that Fargate has not",
      (s) => (s.services.user_metadata.memoryMiB = 600),
      /memoryMiB is 600; with 512 units/,
    ],
    ["a service that is missing", (s) => delete s.services.user_metadata, /services\.user_metadata is missing/],
    [
      "a certificate of another region",
      (s) => (s.entry.certificate = { certificateArn: `arn:aws:acm:us-east-1:${"1".repeat(12)}:certificate/0-0` }),
      /is of us-east-1; a load balancer in eu-central-1/,
    ],
    [
      "a certificate that is none",
      (s) => (s.entry.certificate = { certificateArn: "mine" }),
      /no ARN of a certificate/,
    ],
    ["a zone id that is none", (s) => (s.entry.certificate.zoneId = "example"), /is no hosted zone's id/],
    ["a name outside its zone", (s) => (s.entry.certificate.name = "flights.example.org"), /is not within the zone/],
    ["a rate of 0", (s) => (s.entry.requestsPerAddress = 0), /requestsPerAddress is 0; give a whole number from 10/],
    ["a database class that is none", (s) => (s.database.instance = "large"), /is no instance class/],
    ["no backups", (s) => (s.database.backupDays = 0), /backupDays is 0; give a whole number from 1 to 35/],
    [
      "storage that can't grow",
      (s) => (s.database.maximumStorage = 100),
      /maximumStorage is 100; give a whole number from 11[01]/,
    ],
    ["a schedule that is none", (s) => (s.neows.schedule = "daily"), /is no schedule; one looks like/],
    [
      "a retention that CloudWatch has not",
      (s) => (s.logDays = 8),
      /logDays is 8; CloudWatch keeps logs for one of 1, 3/,
    ],
    ["an e-mail address that is none", (s) => (s.alarmEmail = "me"), /is no e-mail address/],
    ["an organisation that is none", (s) => (s.circleci.organizationId = "mine"), /organizationId "mine" is no UUID/],
    [
      "a branch with a pattern",
      (s) => (s.circleci.branch = "*"),
      /is no branch's name, such as main; patterns are not allowed/,
    ],
    ["an origin with a pattern", (s) => (s.circleci.origin = "github.com/*/perigee"), /is no repository/],
    [
      "a name that would end within another's in policies",
      (s) => (s.name = "prod-eu"),
      /must be 2 to 17 of a–z and 0–9/,
    ],
    ["an account that is a number", (s) => (s.account = 123456789012), /account is 123456789012; give a text/],
    ["no entry at all", (s) => delete s.entry, /entry is missing/],
    [
      "a service that is null",
      (s) => (s.services.user_metadata = null),
      /services\.user_metadata is null; give an object/,
    ],
    ["zones in one text", (s) => (s.zones = "abc"), /zones is "abc"; give a list/],
    ["a text for yes or no", (s) => (s.protect = "no"), /protect is "no"; give true or false/],
    [
      "an architecture in small letters",
      (s) => (s.architecture = "arm64"),
      /architecture is "arm64"; give one of X86_64, ARM64/,
    ],
    ["a service that there is not", (s) => (s.services.billing = {}), /services\.billing is nothing that there is/],
    ["an endpoint twice", (s) => (s.network.interfaceEndpoints = ["logs", "logs"]), /names "logs" twice/],
    ["a CIDR with leading zeros", (s) => (s.network.cidr = "010.20.0.0/16"), /010\.20\.0\.0\/16 is no IPv4 block/],
    ["a private egress address", (s) => (s.network.egressAddress = "10.0.0.1"), /is no public address/],
    ["a schedule of a fruit", (s) => (s.neows.schedule = "cron(banana)"), /is no schedule/],
    ["a schedule without a question mark", (s) => (s.neows.schedule = "cron(15 3 * * * *)"), /is no schedule/],
    ["a rate of 0", (s) => (s.neows.schedule = "rate(0 days)"), /is no schedule/],
    [
      "a zone name with a dot at its end",
      (s) => (s.entry.certificate.zoneName = "example.com."),
      /zoneName "example\.com\." is no domain/,
    ],
    [
      "a certificate of another account",
      (s) => {
        s.account = "2".repeat(12)
        s.entry.certificate = { certificateArn: `arn:aws:acm:eu-central-1:${"1".repeat(12)}:certificate/0-0` }
      },
      /is of account 1+; the stage's is 2+/,
    ],
    ["a tag of AWS's own", (s) => (s.tags = { "aws:x": "y" }), /"aws:x" = "y" is no tag/],
    ["a tag that the stage sets", (s) => (s.tags = { stage: "other" }), /stage is set by the stage itself/],
    ["a path for inside only", (s) => (s.services.user_metadata.path = "/health"), /is for inside only/],
    ["a path too long for a rule", (s) => (s.services.user_metadata.path = `/${"a".repeat(126)}`), /is no path/],
    ["a branch as a reference", (s) => (s.circleci.branch = "refs/heads/main"), /is no branch's name/],
    ["an origin with .git", (s) => (s.circleci.origin += ".git"), /ends in \.git/],
    ["a provider that is old", (s) => (s.circleci.provider = "old"), /provider is "old"; give one of new, existing/],
  ]
  for (const [what, change, line] of wrong) {
    it(`with ${what} is refused in one line that names the file and the place`, () => {
      const refused = () => check(changed(change), STAGES)
      expect(refused).to.throw(StageError, line)
      expect(refused).to.throw(/^infra\/config\/[\w-]+\.ts: [^\n]+$/)
    })
  }

  it("that would make a second OIDC provider in one account is refused, and one that takes the first is not", () => {
    const account = "1".repeat(12)
    const one = { ...production, account }
    const other = { ...stage("development"), account }
    expect(() => check(one, [one, other])).to.throw(StageError, /provider is "new" here and in development/)
    const second = { ...one, circleci: { ...one.circleci, provider: "existing" as const } }
    expect(check(second, [second, other])).to.equal(second)
  })

  for (const prefix of [16, 17, 18, 19]) {
    it(`on a /${prefix} has subnets of four zones that lie within it and do not overlap`, () => {
      const vpc = `10.64.0.0/${prefix}`
      const subnets = TIERS.flatMap((tier) => [0, 1, 2, 3].map((zone) => blockOf(subnetCidr(vpc, tier, zone))))
      for (const [at, subnet] of subnets.entries()) {
        expect(contains(blockOf(vpc), subnet)).to.equal(true)
        // ELB wants 8 free addresses and a /27 or larger of each of its subnets.
        expect(subnet.last - subnet.first + 1).to.be.at.least(32)
        for (const other of subnets.slice(at + 1)) expect(overlap(subnet, other)).to.equal(false)
      }
    })
  }
})
