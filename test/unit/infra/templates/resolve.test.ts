/** Reading a folder of templates and resolving what they say. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are CloudFormation's own.
import { expect } from "chai"
import { readTemplates, TemplateError } from "../../../../infra/src/templates/read.ts"
import { type Resolved, type ResolveOptions, resolve } from "../../../../infra/src/templates/resolve.ts"
import { Reference, textOf, Unknown } from "../../../../infra/src/templates/value.ts"
import { folderOf } from "./folder.ts"

const TOPIC = "AWS::SNS::Topic"

function read(files: Readonly<Record<string, unknown>>, options?: ResolveOptions): Resolved {
  using folder = folderOf(files)
  return resolve(readTemplates(folder.path), options)
}

/** A topic's property `TopicName`, in a template with these other parts. */
function propertyOf(raw: unknown, rest: object = {}, options?: ResolveOptions) {
  const resources = { Topic: { Type: TOPIC, Properties: { TopicName: raw } }, Other: { Type: TOPIC } }
  return read({ "one.json": { ...rest, Resources: resources } }, options).ofType(TOPIC)[0]?.properties["TopicName"]
}

function refused(files: Readonly<Record<string, unknown>>): string {
  try {
    read(files)
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
  throw new Error("nothing was refused")
}

describe("templates", () => {
  it("keep references typed: template, logical id and attribute", () => {
    const ref = propertyOf({ Ref: "Other" })
    expect(ref).to.be.instanceOf(Reference).and.deep.include({ template: "one", id: "Other", attribute: "Ref" })
    expect(propertyOf({ "Fn::GetAtt": ["Other", "A.B"] })).to.deep.include({ id: "Other", attribute: "A.B" })
    expect(propertyOf({ "Fn::GetAtt": "Other.A.B" })).to.deep.include({ id: "Other", attribute: "A.B" })
  })

  it("join and substitute to a plain text where all is known, and to one with references where not", () => {
    const parameters = { Parameters: { Zone: { Type: "String", Default: "a" } } }
    expect(propertyOf({ "Fn::Join": ["-", ["x", { Ref: "Zone" }, 3]] }, parameters)).to.equal("x-a-3")
    expect(propertyOf({ "Fn::Sub": "x-${Zone}-${!Zone}" }, parameters)).to.equal("x-a-${Zone}")
    expect(propertyOf({ "Fn::Sub": ["${Own}/${Zone}", { Own: "o" }] }, parameters)).to.equal("o/a")
    expect(textOf(propertyOf({ "Fn::Sub": "arn:${AWS::Partition}:${Other.Arn}" }))).to.equal(
      "arn:${AWS::Partition}:<one/Other.Arn>",
    )
  })

  it("take a parameter's given value before its default, and leave one without either unknown", () => {
    const parameters = { Parameters: { Zone: { Type: "String", Default: "a" }, Free: { Type: "String" } } }
    expect(propertyOf({ Ref: "Zone" }, parameters)).to.equal("a")
    expect(propertyOf({ Ref: "Zone" }, parameters, { parameters: { Zone: "b" } })).to.equal("b")
    expect(propertyOf({ Ref: "Free" }, parameters)).to.deep.equal(new Unknown("Free"))
  })

  it("split, select and look up in mappings", () => {
    expect(propertyOf({ "Fn::Select": [1, { "Fn::Split": ["/", "a/b/c"] }] })).to.equal("b")
    expect(propertyOf({ "Fn::Select": ["0", ["a"]] })).to.equal("a")
    expect(propertyOf({ "Fn::Select": [1, { "Fn::Split": ["/", { Ref: "Other" }] }] })).to.be.instanceOf(Unknown)
    expect(propertyOf({ "Fn::FindInMap": ["M", "k", "v"] }, { Mappings: { M: { k: { v: "found" } } } })).to.equal(
      "found",
    )
  })

  it("leave out what a condition leaves out, in properties as among resources", () => {
    const conditions = {
      Parameters: { Zone: { Type: "String", Default: "a" } },
      Conditions: {
        InA: { "Fn::Equals": [{ Ref: "Zone" }, "a"] },
        InB: { "Fn::Not": [{ Condition: "InA" }] },
        Both: { "Fn::And": [{ Condition: "InA" }, { Condition: "InB" }] },
        Any: { "Fn::Or": [{ Condition: "InA" }, { Condition: "InB" }] },
      },
      Resources: {
        A: {
          Type: TOPIC,
          Condition: "InA",
          Properties: { TopicName: { "Fn::If": ["InB", "b", { Ref: "AWS::NoValue" }] } },
        },
        B: {
          Type: TOPIC,
          Condition: "InB",
          Properties: { Tags: ["t", { "Fn::If": ["Any", { Ref: "AWS::NoValue" }, 1] }] },
        },
        Never: { Type: TOPIC, Condition: "Both" },
      },
    }
    const inA = read({ "one.json": conditions })
    expect(inA.resources.map(({ id }) => id)).to.deep.equal(["A"])
    expect([...inA.absent]).to.deep.equal(["one/B", "one/Never"])
    expect(inA.resources[0]?.properties).to.deep.equal({})
    const inB = read({ "one.json": conditions }, { parameters: { Zone: "b" } })
    expect(inB.resources.map(({ id, properties }) => [id, properties])).to.deep.equal([["B", { Tags: ["t"] }]])
  })

  it("keep a resource whose condition can't be known, and say so", () => {
    const { resources } = read({
      "one.json": {
        Conditions: { Here: { "Fn::Equals": [{ Ref: "AWS::Region" }, "eu-west-1"] } },
        Resources: {
          A: { Type: TOPIC, Condition: "Here", Properties: { TopicName: { "Fn::If": ["Here", "x", "y"] } } },
        },
      },
    })
    expect(resources[0]?.maybe).to.equal("Here")
    expect(textOf(resources[0]?.properties["TopicName"])).to.equal("${Here ? x : y}")
  })

  it("follow an import to the resource of the other template, by an export's name of several parts", () => {
    const resolved = read({
      "net.json": {
        Resources: { Vpc: { Type: "AWS::EC2::VPC" } },
        Outputs: { O: { Value: { Ref: "Vpc" }, Export: { Name: { "Fn::Sub": "${AWS::StackName}:vpc" } } } },
      },
      "app.json": { Resources: { A: { Type: TOPIC, Properties: { TopicName: { "Fn::ImportValue": "net:vpc" } } } } },
    })
    const reference = resolved.ofType(TOPIC)[0]?.properties["TopicName"]
    expect(resolved.of(reference)?.address).to.equal("net/Vpc")
  })

  it("read YAML with its short forms as JSON with the long ones", () => {
    const yaml = [
      "Parameters: {Zone: {Type: String, Default: a}}",
      "Conditions: {InA: !Equals [!Ref Zone, a]}",
      "Resources:",
      "  Other: {Type: 'AWS::SNS::Topic'}",
      "  A:",
      "    Type: AWS::SNS::Topic",
      "    Condition: InA",
      "    Properties:",
      "      TopicName: !Join ['-', [!If [InA, yes-a, no-a], !Sub '${Zone}', !GetAtt Other.TopicName]]",
    ].join("\n")
    const [, topic] = read({ "one.yaml": yaml }).ofType(TOPIC)
    expect(textOf(topic?.properties["TopicName"])).to.equal("yes-a-a-<one/Other.TopicName>")
  })

  it("know region and stack names from a cloud assembly's manifest", () => {
    const { resources } = read({
      "manifest.json": {
        artifacts: {
          net: {
            type: "aws:cloudformation:stack",
            environment: "aws://unknown-account/eu-central-1",
            properties: { templateFile: "net.template.json", stackName: "perigee-net" },
          },
        },
      },
      "net.template.json": {
        Resources: {
          A: {
            Type: TOPIC,
            Properties: { TopicName: { "Fn::Sub": "${AWS::Region} ${AWS::AccountId} ${AWS::StackName}" } },
          },
        },
      },
    })
    expect(textOf(resources[0]?.properties["TopicName"])).to.equal("eu-central-1 ${AWS::AccountId} perigee-net")
  })

  it("are refused in one line when folder, templates, JSON, a Type, an export or a name is missing", () => {
    expect(() => readTemplates("/no/such/folder")).to.throw(
      TemplateError,
      "/no/such/folder is not there; npm run synth",
    )
    expect(refused({})).to.match(/has no templates; give a folder of CloudFormation templates/)
    expect(refused({ "readme.json": { a: 1 } })).to.match(/has no templates/)
    expect(refused({ "one.json": "{" })).to.match(/one\.json is not JSON: /)
    expect(refused({ "one.yaml": "a: [" })).to.match(/one\.yaml is not YAML: /)
    expect(refused({ "one.json": { Resources: { A: {} } } })).to.match(/one\.json: the resource A has no Type/)
    const properties = (value: unknown) => ({
      "one.json": { Resources: { A: { Type: TOPIC, Properties: { value } } } },
    })
    expect(refused(properties({ "Fn::ImportValue": "x:y" }))).to.equal(
      'one imports "x:y", which no template exports; give the whole folder of stacks',
    )
    expect(refused(properties({ Ref: "Gone" }))).to.equal("one refers to Gone, which is nothing in it")
    expect(refused(properties({ "Fn::GetAtt": ["Gone", "Arn"] }))).to.match(/asks Gone for its Arn/)
    const circle = { "Fn::Not": [{ Condition: "C" }] }
    expect(
      refused({ "one.json": { Conditions: { C: circle }, Resources: { A: { Type: TOPIC, Condition: "C" } } } }),
    ).to.match(/the condition C leads back to itself/)
  })
})
