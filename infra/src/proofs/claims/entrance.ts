/** The way in: what the load balancer listens on, whom it leads requests to, and what stands before it. */

import { has } from "../../intervals.ts"
import { at, flagOf, keyed, list, numberOf, textOf } from "../../templates/value.ts"
import { each, type Failure, type Proof } from "../proof.ts"
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

/** Policies with TLS 1.2 at least. Source: ELB user guide, “Security policies for your Application Load Balancer”. */
const TLS_12_AT_LEAST = /^ELBSecurityPolicy-(TLS13-1-[23]-|TLS-1-2-|FS-1-2-)/

const tls: Proof = {
  id: "entrance.tls",
  claim: "Every TLS listener has a certificate and a policy of TLS 1.2 at least",
  holds: "Encryption in transit: TLS 1.2+",
  prove: ({ network }) =>
    each(
      network.listeners
        .filter(({ protocol }) => protocol === "HTTPS" || protocol === "TLS")
        .map(({ resource }) => resource),
      ({ properties }) => {
        const policy = textOf(properties["SslPolicy"])
        if (policy === undefined || !TLS_12_AT_LEAST.test(policy))
          return `its SslPolicy ${policy ?? "(the default)"} lets TLS under 1.2 in`
        return list(properties["Certificates"]).length === 0 ? "it has no certificate" : undefined
      },
    ),
}

const WANTED_RULES = [
  "AWSManagedRulesCommonRuleSet",
  "AWSManagedRulesKnownBadInputsRuleSet",
  "AWSManagedRulesSQLiRuleSet",
]

const firewall: Proof = {
  id: "entrance.firewall",
  claim:
    "Every public load balancer stands behind a web ACL with AWS's managed rules, in force, and a limit for each address",
  holds: "WAF with managed rules and a rate limit",
  prove: ({ resolved }) =>
    each(
      resolved
        .ofType("AWS::ElasticLoadBalancingV2::LoadBalancer")
        .filter(({ properties }) => textOf(properties["Scheme"]) !== "internal"),
      (balancer) => {
        const association = resolved
          .ofType("AWS::WAFv2::WebACLAssociation")
          .find((one) => resolved.of(one.properties["ResourceArn"]) === balancer)
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
}

const attributes: Proof = {
  id: "entrance.attributes",
  claim:
    "Load balancers log every access, drop headers that are none, and refuse requests that two readers would read apart",
  holds: "Access logs, header hygiene",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::ElasticLoadBalancingV2::LoadBalancer"), ({ properties }) =>
      Object.entries(ATTRIBUTES).flatMap(([key, [wanted, why]]) => {
        const got = textOf(keyed(properties["LoadBalancerAttributes"], key))
        return got !== undefined && wanted.split("|").includes(got)
          ? []
          : [`${key} is ${got ?? "not set"}, not ${wanted} (${why})`]
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

export const ENTRANCE: readonly Proof[] = [listeners, targets, tls, firewall, attributes, health, otherDoors]
