/** The way in: what the load balancer listens on, whom it leads requests to, and what stands before it. */

import { has } from "../../intervals.ts"
import {
  at,
  flagOf,
  isProperties,
  keyed,
  list,
  numberOf,
  Reference,
  textOf,
  type Value,
} from "../../templates/value.ts"
import { each, type Failure, joinedOutcome, type Proof } from "../proof.ts"
import { INTERNET } from "../reach.ts"

const targets: Proof = {
  id: "entrance.targets",
  claim:
    "The load balancer leads the stage's paths, and no other, to the services' own ports, where it reaches their tasks",
  holds: "Path routing to the three services",
  needsStage: true,
  prove({ network, reach, allowed }) {
    const failures: Failure[] = []
    const seen = new Map<string, string[]>()
    for (const { resource, targetGroup, paths, to, toPort } of network.forwards) {
      if (to === undefined || toPort === undefined) {
        failures.push({
          resource: resource.address,
          what: `leads to ${targetGroup.address}, which no service is behind`,
        })
        continue
      }
      seen.set(to, [...(seen.get(to) ?? []), ...paths])
      const thing = reach.thing(to)
      if (!thing?.listens.includes(toPort)) {
        failures.push({
          resource: targetGroup.address,
          what: `${to} is registered with port ${toPort}, which its container does not map`,
        })
      }
      if (!has(reach.cell("load balancer", to).tcp.all, toPort)) {
        failures.push({
          resource: targetGroup.address,
          what: `leads to port ${toPort} of ${to}, which the load balancer does not reach`,
        })
      }
    }
    for (const [name, paths] of Object.entries(allowed.entrance)) {
      const found = seen.get(name) ?? []
      const missing = paths.filter((path) => !found.includes(path))
      const rule = network.forwards.find(({ to }) => to === name)?.resource.address ?? `allowed.entrance ${name}`
      if (missing.length > 0) failures.push({ resource: rule, what: `does not lead ${missing.join(", ")} to ${name}` })
    }
    for (const { resource, to, paths } of network.forwards) {
      const over = paths.filter((path) => !(allowed.entrance[to ?? ""] ?? []).includes(path))
      if (over.length > 0 || paths.length === 0) {
        failures.push({
          resource: resource.address,
          what: `leads ${over.join(", ") || "every path"} to ${to}, which the stage does not allow`,
        })
      }
    }
    return { checked: network.forwards.length, failures }
  },
}

const listeners: Proof = {
  id: "entrance.listeners",
  claim:
    "What the internet reaches on the load balancer is what it listens on: 443 by TLS, and 80, which only redirects there",
  holds: "443 (TLS 1.2+; 80 only redirects)",
  prove({ network, reach, resolved }) {
    const failures: Failure[] = []
    for (const thing of network.things.filter(({ kind }) => kind === "load balancer")) {
      const { some } = reach.cell(INTERNET, thing.name).tcp
      for (const port of thing.listens.filter((one) => !has(some, one))) {
        failures.push({
          resource: thing.resources[0]?.address ?? thing.name,
          what: `listens on ${port}, which the internet does not reach`,
        })
      }
      for (const { first, last } of some) {
        if (first !== last || !thing.listens.includes(first)) {
          failures.push({
            resource: thing.resources[0]?.address ?? thing.name,
            what: `is reached on ${first === last ? first : `${first}–${last}`}, where nothing listens`,
          })
        }
      }
    }
    for (const { resource, port, protocol } of network.listeners) {
      if (protocol === "HTTPS" || protocol === "TLS") continue
      const actions = [
        ...list(resource.properties["DefaultActions"]),
        ...resolved
          .ofType("AWS::ElasticLoadBalancingV2::ListenerRule")
          .filter((rule) => resolved.of(rule.properties["ListenerArn"]) === resource)
          .flatMap((rule) => list(rule.properties["Actions"])),
      ]
      const redirects = actions.every(
        (action) =>
          textOf(at(action, "Type")) === "redirect" &&
          textOf(at(action, "RedirectConfig", "Protocol")) === "HTTPS" &&
          numberOf(at(action, "RedirectConfig", "Port")) === 443,
      )
      if (!redirects)
        failures.push({
          resource: resource.address,
          what: `answers on ${port} without TLS, and not only by a redirect to HTTPS`,
        })
    }
    return { checked: network.listeners.length, failures }
  },
}

/** What a redirect keeps of a request, by default. Source: ELB API reference, RedirectActionConfig. */
const KEPT: Readonly<Record<string, string>> = { Host: "#{host}", Path: "/#{path}", Query: "#{query}" }

function astray(action: Value, targetGroups: ReadonlySet<string>): readonly string[] {
  const type = textOf(at(action, "Type"))
  if (type === "redirect") {
    return Object.entries(KEPT).flatMap(([key, kept]) => {
      const got = textOf(at(action, "RedirectConfig", key)) ?? kept
      return got === kept ? [] : [`redirects to another place: its ${key} is ${got}, not ${kept}`]
    })
  }
  if (type === "fixed-response") return []
  if (type !== "forward") return [`its action ${type ?? "(none)"} is neither a forward nor a redirect`]
  const led = [
    ...list(at(action, "TargetGroupArn")),
    ...list(at(action, "ForwardConfig", "TargetGroups")).map((one) => at(one, "TargetGroupArn") ?? null),
  ]
  if (led.length === 0) return ["forwards to nothing that is known"]
  return led.flatMap((one) =>
    one instanceof Reference && targetGroups.has(one.address)
      ? []
      : [`forwards to ${textOf(one) ?? "nothing"}, which is no target group of the templates`],
  )
}

const actions: Proof = {
  id: "entrance.actions",
  claim:
    "Rules lead whole paths, as they came, to target groups of the templates that services alone fill, and nowhere else",
  holds: "Path routing to the three services",
  prove({ resolved }) {
    const groups = resolved.ofType("AWS::ElasticLoadBalancingV2::TargetGroup")
    const known = new Set(groups.map(({ address }) => address))
    const listeners = each(resolved.ofType("AWS::ElasticLoadBalancingV2::Listener"), ({ properties }) =>
      list(properties["DefaultActions"]).flatMap((action) => astray(action, known)),
    )
    const rules = each(resolved.ofType("AWS::ElasticLoadBalancingV2::ListenerRule"), ({ properties }) => {
      const done = list(properties["Actions"])
      const conditions = list(properties["Conditions"])
      const others = conditions.filter((one) => textOf(at(one, "Field")) !== "path-pattern")
      const byPath = conditions.filter((one) => textOf(at(one, "Field")) === "path-pattern")
      const odd = byPath.some(
        (one) =>
          at(one, "RegexValues") !== undefined ||
          at(one, "PathPatternConfig", "RegexValues") !== undefined ||
          [...list(at(one, "PathPatternConfig", "Values")), ...list(at(one, "Values"))].some(
            (path) => typeof path !== "string",
          ),
      )
      return [
        ...done.flatMap((action) => astray(action, known)),
        ...done
          .filter((action) => textOf(at(action, "Type")) !== "forward")
          .map(
            (action) => `answers by ${textOf(at(action, "Type"))} what a service should: a rule forwards, and no more`,
          ),
        ...(done.length > 1 ? [`has ${done.length} actions, not one`] : []),
        ...(list(properties["Transforms"]).length > 0
          ? ["has Transforms: what a service gets is not what was asked"]
          : []),
        ...others.map((one) => `asks for ${textOf(at(one, "Field")) ?? textOf(one)} besides the path`),
        ...(byPath.length > 1 ? ["has two conditions by path, which must both hold"] : []),
        ...(odd ? ["its paths are not all written out"] : []),
      ]
    })
    const targets = each(groups, ({ properties }) => [
      ...(list(properties["Targets"]).length > 0
        ? [`has Targets of its own: ${textOf(properties["Targets"])}; services register theirs`]
        : []),
      ...(textOf(properties["TargetType"]) === "ip" ? [] : ["its TargetType is not ip, as tasks are registered"]),
    ])
    return joinedOutcome([listeners, rules, targets])
  },
}

/** Policies with TLS 1.2 at least. Source: ELB user guide, “Security policies for your Application Load Balancer”. */
const TLS_12_AT_LEAST = /^ELBSecurityPolicy-(TLS13-1-[23]-|TLS-1-2-|FS-1-2-)/

const tls: Proof = {
  id: "entrance.tls",
  claim:
    "Every TLS listener has a policy of TLS 1.2 at least, and the templates' or the stage's certificate, and no other",
  holds: "Encryption in transit: TLS 1.2+",
  prove({ network, resolved, stage }) {
    const own = stage !== undefined && "certificateArn" in stage.entry.certificate ? stage.entry.certificate : undefined
    const foreign = (certificates: Value | undefined): readonly string[] =>
      list(certificates)
        .map((one) => at(one, "CertificateArn"))
        .filter((one) => resolved.of(one)?.type !== "AWS::CertificateManager::Certificate")
        .filter((one) => (stage === undefined ? typeof one !== "string" : textOf(one) !== own?.certificateArn))
        .map((one) => `its certificate ${textOf(one) ?? "(none)"} is neither the templates' nor the stage's`)
    const listeners = each(
      network.listeners
        .filter(({ protocol }) => protocol === "HTTPS" || protocol === "TLS")
        .map(({ resource }) => resource),
      ({ properties }) => {
        const policy = textOf(properties["SslPolicy"])
        if (policy === undefined || !TLS_12_AT_LEAST.test(policy))
          return `its SslPolicy ${policy ?? "(the default)"} lets TLS under 1.2 in`
        const certificates = properties["Certificates"]
        return list(certificates).length === 0 ? "it has no certificate" : foreign(certificates)
      },
    )
    const more = each(resolved.ofType("AWS::ElasticLoadBalancingV2::ListenerCertificate"), ({ properties }) =>
      foreign(properties["Certificates"]),
    )
    return joinedOutcome([listeners, more])
  },
}

const WANTED_RULES = [
  "AWSManagedRulesCommonRuleSet",
  "AWSManagedRulesKnownBadInputsRuleSet",
  "AWSManagedRulesSQLiRuleSet",
]

/** What is wrong with a rule of a web ACL: it lets by what others would stop, or stops less than it says. */
function weakness(rule: Value, limit: number | undefined): readonly string[] {
  const name = `its rule ${textOf(at(rule, "Name")) ?? "(without a name)"}`
  const managed = at(rule, "Statement", "ManagedRuleGroupStatement")
  const rate = at(rule, "Statement", "RateBasedStatement")
  if (managed !== undefined) {
    const narrowed = ["ScopeDownStatement", "RuleActionOverrides", "ExcludedRules"].filter(
      (key) => at(managed, key) !== undefined,
    )
    const override = at(rule, "OverrideAction")
    const inForce = isProperties(override) && Object.keys(override).join() === "None"
    return [
      ...narrowed.map((key) => `${name} has ${key}: not all of it is in force`),
      ...(textOf(at(managed, "VendorName")) === "AWS" ? [] : [`${name} is not of AWS's`]),
      ...(inForce ? [] : [`${name} has an OverrideAction that is not None alone: it stops nothing`]),
    ]
  }
  const action = at(rule, "Action")
  const does = isProperties(action) ? Object.keys(action).join() : (textOf(action) ?? "none that is known")
  // Challenges and CAPTCHAs stop programs; Count goes on to the next rule. Allow passes over all that come after it.
  if (!["Block", "Count", "Challenge", "Captcha"].includes(does)) {
    return [`${name} has the action ${does}, which lets requests by all rules after it`]
  }
  if (rate === undefined) return []
  const most = numberOf(at(rate, "Limit"))
  const seconds = at(rate, "EvaluationWindowSec") === undefined ? 300 : numberOf(at(rate, "EvaluationWindowSec"))
  const key = textOf(at(rate, "AggregateKeyType"))
  return [
    ...(most === undefined || (limit !== undefined && most > limit)
      ? [`${name} has a Limit of ${textOf(at(rate, "Limit")) ?? "nothing"}, more than the stage's ${limit}`]
      : []),
    ...(seconds === undefined || seconds < 300 ? [`${name} counts less than the stage's five minutes`] : []),
    ...(key === "IP" ? [] : [`${name} counts by ${key ?? "nothing known"}, not by IP, which nobody can choose`]),
    ...(at(rate, "ScopeDownStatement") === undefined ? [] : [`${name} has a ScopeDownStatement: it counts only some`]),
  ]
}

const firewall: Proof = {
  id: "entrance.firewall",
  claim:
    "Every public load balancer stands behind a web ACL with AWS's managed rules, whole and in force, and the stage's limit for each address",
  holds: "WAF with managed rules and a rate limit",
  prove: ({ resolved, stage }) =>
    each(
      resolved
        .ofType("AWS::ElasticLoadBalancingV2::LoadBalancer")
        .filter(({ properties }) => textOf(properties["Scheme"]) !== "internal"),
      (balancer) => {
        const [association, ...more] = resolved
          .ofType("AWS::WAFv2::WebACLAssociation")
          .filter((one) => resolved.of(one.properties["ResourceArn"]) === balancer)
        if (association === undefined) return "no web ACL is associated with it"
        const acl = resolved.of(association.properties["WebACLArn"])
        if (acl === undefined) return `${association.address}: its web ACL is not among the templates`
        const rules = list(acl.properties["Rules"])
        const inForce = rules
          .filter((rule) => at(rule, "OverrideAction", "None") !== undefined)
          .map((rule) => textOf(at(rule, "Statement", "ManagedRuleGroupStatement", "Name")))
        const missing = WANTED_RULES.filter((name) => !inForce.includes(name))
        const limited = rules.some(
          (rule) =>
            at(rule, "Statement", "RateBasedStatement") !== undefined && at(rule, "Action", "Block") !== undefined,
        )
        return [
          ...more.map(({ address }) => `${address}: a second web ACL for it; which one stands is not known`),
          ...rules
            .flatMap((rule) => weakness(rule, stage?.entry.requestsPerAddress))
            .map((one) => `${acl.address}: ${one}`),
          ...missing.map((name) => `${acl.address} has no ${name} in force`),
          ...(limited ? [] : [`${acl.address} has no rule that blocks by rate`]),
        ]
      },
    ),
}

const ATTRIBUTES: Readonly<Record<string, readonly [wanted: string, why: string]>> = {
  "routing.http.drop_invalid_header_fields.enabled": ["true", "header hygiene"],
  "routing.http.desync_mitigation_mode": ["strictest|defensive", "request smuggling"],
  "access_logs.s3.enabled": ["true", "access logs"],
  "waf.fail_open.enabled": ["not set|false", "what the firewall can't look at must not pass"],
  "routing.http.xff_header_processing.mode": ["not set|append|remove", "clients must not choose their own address"],
}

const attributes: Proof = {
  id: "entrance.attributes",
  claim:
    "Load balancers log every access, drop headers that are none, and refuse requests that two readers would read apart",
  holds: "Access logs, header hygiene",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::ElasticLoadBalancingV2::LoadBalancer"), ({ properties }) =>
      Object.entries(ATTRIBUTES).flatMap(([key, [wanted, why]]) => {
        const got = textOf(keyed(properties["LoadBalancerAttributes"], key)) ?? "not set"
        return wanted.split("|").includes(got)
          ? []
          : [`${key} is ${got}, not ${wanted.replaceAll("|", " or ")} (${why})`]
      }),
    ),
}

const health: Proof = {
  id: "entrance.health-checks",
  claim: "Every target group asks its targets by /health/ready, and takes 200 alone for a yes",
  holds: "Health checks on /health/ready",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::ElasticLoadBalancingV2::TargetGroup"), ({ properties }) => {
      if (flagOf(properties["HealthCheckEnabled"]) === false) return "its health check is off"
      const path = textOf(properties["HealthCheckPath"])
      if (path !== "/health/ready") return `its health check asks ${path ?? "/"}, not /health/ready`
      const codes = textOf(at(properties, "Matcher", "HttpCode"))
      return codes === "200" ? undefined : `its health check takes ${codes ?? "the default"} for healthy, not 200`
    }),
}

const otherDoors: Proof = {
  id: "entrance.no-other-door",
  claim: "There is no function URL, no API Gateway and no distribution: the load balancer is the one door",
  holds: "Only the load balancer is publicly reachable. No function URL, no API Gateway",
  prove({ resolved }) {
    const door =
      /^AWS::(Lambda::Url|ApiGateway|ApiGatewayV2|AppSync|CloudFront|GlobalAccelerator|AppRunner|Lightsail)(::|$)/
    const permission = resolved
      .ofType("AWS::Lambda::Permission")
      .filter(({ properties }) => textOf(properties["Principal"]) === "*")
    const found = [...resolved.resources.filter(({ type }) => door.test(type)), ...permission]
    return {
      checked: resolved.resources.length,
      failures: found.map(({ address, type }) => ({
        resource: address,
        what: `${type} is a door besides the load balancer`,
      })),
    }
  },
}

export const ENTRANCE: readonly Proof[] = [listeners, targets, actions, tls, firewall, attributes, health, otherDoors]
