"""Teaches ministack's CloudFormation the resource types of our stacks that it does not know.

ministack refuses a template with a type it has no handler for. Types whose service it has (EC2, IAM, WAF) are made by
that service's own actions, with the parameters of AWS' public API; the others are kept as told, so that a template that
names them deploys, updates and is deleted whole. Types that it knows in part (alarms over metric math, a database's
managed master password, a secret's Ref) are completed. What AWS itself would refuse is refused where a test relies on
it: an Elastic IP is on one NAT gateway at a time, and a told resource that is deleted must have been there.

Nothing of ministack's code is in here. The shapes are those of AWS' resource and API references; where ministack offers
no interface, its tables of handlers and actions and a few of its stores are used by name, so its version is pinned.
"""

import itertools
import json
import os
import re
import secrets
from xml.etree import ElementTree

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, iam, route53, secretsmanager, waf
from ministack.services.cloudformation import _stacks
from ministack.services.cloudformation.handlers import _ACTION_HANDLERS
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

# The services' own actions, by the names of the API reference.
EC2, IAM = ec2._ACTION_MAP, iam._IAM_HANDLERS


class Refused(ValueError):
    """A service's own answer, as CloudFormation's reason for a failed resource."""


def query(service, action, **parameters):
    """Calls an action of a service of the Query API; gives the answer's elements by their names, without namespaces."""
    flat = {"Action": [action]}
    for name, value in parameters.items():
        if value is not None:
            flat[name.replace("__", ".")] = [str(value).lower() if isinstance(value, bool) else str(value)]
    status, _, body = service[action](flat)
    text = body.decode() if isinstance(body, bytes) else body
    if status >= 400:
        raise Refused(re.sub(r"<[^>]+>|\s+", " ", text).strip())
    elements = ElementTree.fromstring(text).iter()
    return {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in elements}


def json_action(call, **parameters):
    """Calls an action of a service of the JSON protocol."""
    status, _, body = call(parameters)
    if status >= 400:
        raise Refused(body.decode() if isinstance(body, bytes) else body)
    return json.loads(body or "{}")


def tags_of(properties, resource_type):
    """The tags as TagSpecification.1 of an EC2 action."""
    flat = {}
    for at, tag in enumerate(properties.get("Tags") or [], 1):
        flat[f"TagSpecification__1__Tag__{at}__Key"] = tag["Key"]
        flat[f"TagSpecification__1__Tag__{at}__Value"] = tag["Value"]
    if flat:
        flat["TagSpecification__1__ResourceType"] = resource_type
    return flat


def register(name, create, delete, in_place=()):
    """A type whose resource is made anew unless only properties of `in_place` differ: those `create` writes again."""

    def update(physical_id, old, new, stack_name, logical_id=None):
        changed = {key for key in {*old, *new} if old.get(key) != new.get(key)}
        if changed <= {*in_place, "Tags"}:
            return create(logical_id, new, stack_name, physical_id)
        made = create(logical_id, new, stack_name)
        if made[0] != physical_id:
            delete(physical_id, old)
        return made

    _RESOURCE_HANDLERS[name] = {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


# Elastic IPs and NAT gateways


def create_eip(logical_id, properties, stack_name, known=None):
    if known is not None:
        address = ec2._addresses[known.rpartition("|")[2]]
    else:
        made = query(EC2, "AllocateAddress", Domain="vpc", **tags_of(properties, "elastic-ip"))
        address = ec2._addresses[made["allocationId"]]
        # ministack draws an address of its own whatever is asked for: this is AllocateAddress' parameter Address.
        address["PublicIp"] = properties.get("Address", address["PublicIp"])
    ip, allocation = address["PublicIp"], address["AllocationId"]
    return f"{ip}|{allocation}", {"AllocationId": allocation, "PublicIp": ip}


def delete_eip(physical_id, properties):
    allocation = physical_id.rpartition("|")[2]
    if ec2._addresses[allocation]["AssociationId"]:
        raise Refused(f"AuthFailure: {allocation} is in use")
    query(EC2, "ReleaseAddress", AllocationId=allocation)


register("AWS::EC2::EIP", create_eip, delete_eip)


def create_nat_gateway(logical_id, properties, stack_name, known=None):
    if known is None:
        allocation = properties["AllocationId"]
        if allocation not in ec2._addresses:
            raise Refused(f"InvalidAllocationID.NotFound: {allocation}")
        if ec2._addresses[allocation]["AssociationId"]:
            raise Refused(f"Resource.AlreadyAssociated: elastic IP address {allocation} is already associated")
        known = query(
            EC2,
            "CreateNatGateway",
            SubnetId=properties["SubnetId"],
            AllocationId=allocation,
            ConnectivityType=properties.get("ConnectivityType"),
            **tags_of(properties, "natgateway"),
        )["natGatewayId"]
        query(EC2, "AssociateAddress", AllocationId=allocation)
    return known, {"NatGatewayId": known}


def delete_nat_gateway(physical_id, properties):
    query(EC2, "DeleteNatGateway", NatGatewayId=physical_id)
    ec2._addresses[properties["AllocationId"]]["AssociationId"] = None


register("AWS::EC2::NatGateway", create_nat_gateway, delete_nat_gateway)

describe_nat_gateways = EC2["DescribeNatGateways"]


def describe_with_addresses(parameters):
    """DescribeNatGateways, whose address set ministack leaves empty."""
    status, headers, body = describe_nat_gateways(parameters)

    def filled(match):
        gateway = ec2._nat_gateways[match.group(2)]
        address = ec2._addresses.get(gateway["AllocationId"])
        if address is None or gateway["State"] != "available":
            return match.group(0)
        item = f"<allocationId>{address['AllocationId']}</allocationId><publicIp>{address['PublicIp']}</publicIp>"
        return f"{match.group(1)}<natGatewayAddressSet><item>{item}</item></natGatewayAddressSet>"

    pattern = r"(<natGatewayId>(nat-\w+)</natGatewayId>(?:(?!<natGatewayId>).)*?)<natGatewayAddressSet\s*/>"
    text = body.decode() if isinstance(body, bytes) else body
    return status, headers, re.sub(pattern, filled, text, flags=re.DOTALL).encode()


EC2["DescribeNatGateways"] = describe_with_addresses


# Network ACLs


def create_network_acl(logical_id, properties, stack_name, known=None):
    made = known or query(
        EC2, "CreateNetworkAcl", VpcId=properties["VpcId"], **tags_of(properties, "network-acl")
    )["networkAclId"]
    return made, {"Id": made}


def delete_network_acl(physical_id, properties):
    if ec2._network_acls[physical_id]["Associations"]:
        raise Refused(f"DependencyViolation: {physical_id} is associated with subnets")
    query(EC2, "DeleteNetworkAcl", NetworkAclId=physical_id)


register("AWS::EC2::NetworkAcl", create_network_acl, delete_network_acl)


def create_network_acl_entry(logical_id, properties, stack_name, known=None):
    ports = properties.get("PortRange", {})
    acl, number, egress = properties["NetworkAclId"], properties["RuleNumber"], properties.get("Egress", False)
    query(
        EC2,
        "CreateNetworkAclEntry" if known is None else "ReplaceNetworkAclEntry",
        NetworkAclId=acl,
        RuleNumber=number,
        Egress=egress,
        Protocol=properties["Protocol"],
        RuleAction=properties["RuleAction"],
        CidrBlock=properties.get("CidrBlock"),
        PortRange__From=ports.get("From"),
        PortRange__To=ports.get("To"),
    )
    return f"{acl}|{number}|{egress}", {}


def delete_network_acl_entry(physical_id, properties):
    acl, number, egress = physical_id.split("|")
    query(EC2, "DeleteNetworkAclEntry", NetworkAclId=acl, RuleNumber=number, Egress=egress.lower())


register(
    "AWS::EC2::NetworkAclEntry",
    create_network_acl_entry,
    delete_network_acl_entry,
    in_place=("CidrBlock", "PortRange", "Protocol", "RuleAction"),
)


def create_network_acl_association(logical_id, properties, stack_name, known=None):
    subnet = properties["SubnetId"]
    former = next(
        (
            association["NetworkAclAssociationId"]
            for acl in ec2._network_acls.values()
            for association in acl["Associations"]
            if association["SubnetId"] == subnet
        ),
        "aclassoc-of-the-default",
    )
    made = query(
        EC2, "ReplaceNetworkAclAssociation", AssociationId=former, NetworkAclId=properties["NetworkAclId"]
    )["newAssociationId"]
    # ministack forgets whose association it replaced.
    for association in ec2._network_acls[properties["NetworkAclId"]]["Associations"]:
        if association["NetworkAclAssociationId"] == made:
            association["SubnetId"] = subnet
    return made, {"AssociationId": made}


def delete_network_acl_association(physical_id, properties):
    for acl in ec2._network_acls.values():
        acl["Associations"] = [one for one in acl["Associations"] if one["NetworkAclAssociationId"] != physical_id]


register("AWS::EC2::SubnetNetworkAclAssociation", create_network_acl_association, delete_network_acl_association)


# Rules of security groups, and flow logs


def register_group_rule(direction, peer):
    """The type SecurityGroupIngress or SecurityGroupEgress, whose other group's property is `peer`."""

    prefix_list = peer.replace("SecurityGroup", "PrefixList")

    def permission(properties):
        return {
            "IpPermissions__1__IpProtocol": properties["IpProtocol"],
            "IpPermissions__1__FromPort": properties.get("FromPort"),
            "IpPermissions__1__ToPort": properties.get("ToPort"),
            "IpPermissions__1__Groups__1__GroupId": properties.get(peer),
            "IpPermissions__1__IpRanges__1__CidrIp": properties.get("CidrIp"),
            "IpPermissions__1__PrefixListIds__1__PrefixListId": properties.get(prefix_list),
        }

    def create(logical_id, properties, stack_name, known=None):
        action = f"AuthorizeSecurityGroup{direction}"
        made = query(EC2, action, GroupId=properties["GroupId"], **permission(properties))["securityGroupRuleId"]
        return made, {"Id": made}

    def delete(physical_id, properties):
        query(EC2, f"RevokeSecurityGroup{direction}", GroupId=properties["GroupId"], **permission(properties))

    register(f"AWS::EC2::SecurityGroup{direction}", create, delete)


register_group_rule("Ingress", "SourceSecurityGroupId")
register_group_rule("Egress", "DestinationSecurityGroupId")


def create_flow_log(logical_id, properties, stack_name, known=None):
    made = known or query(
        EC2,
        "CreateFlowLogs",
        ResourceId__1=properties["ResourceId"],
        ResourceType=properties["ResourceType"],
        TrafficType=properties.get("TrafficType"),
        LogDestinationType=properties.get("LogDestinationType"),
        LogDestination=properties.get("LogDestination"),
        LogGroupName=properties.get("LogGroupName"),
        **tags_of(properties, "flow-log"),
    )["item"]
    return made, {"Id": made}


def delete_flow_log(physical_id, properties):
    query(EC2, "DeleteFlowLogs", FlowLogId__1=physical_id)


register("AWS::EC2::FlowLog", create_flow_log, delete_flow_log)


# IAM's OIDC provider


def create_oidc_provider(logical_id, properties, stack_name, known=None):
    if known is None:
        clients = {f"ClientIDList__member__{at}": one for at, one in enumerate(properties.get("ClientIdList") or [], 1)}
        known = query(IAM, "CreateOpenIDConnectProvider", Url=properties["Url"], **clients)["OpenIDConnectProviderArn"]
    return known, {"Arn": known}


def delete_oidc_provider(physical_id, properties):
    query(IAM, "DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=physical_id)


register("AWS::IAM::OIDCProvider", create_oidc_provider, delete_oidc_provider)


# WAF


def create_web_acl_association(logical_id, properties, stack_name, known=None):
    json_action(waf._associate_web_acl, WebACLArn=properties["WebACLArn"], ResourceArn=properties["ResourceArn"])
    return f"{properties['WebACLArn']}|{properties['ResourceArn']}", {}


def delete_web_acl_association(physical_id, properties):
    json_action(waf._disassociate_web_acl, ResourceArn=properties["ResourceArn"])


register("AWS::WAFv2::WebACLAssociation", create_web_acl_association, delete_web_acl_association)


# A hosted zone is the account's and there before any stack: the one that a test makes has the id that stages name

if "PERIGEE_HOSTED_ZONE" in os.environ:
    route53._zone_id = lambda: os.environ["PERIGEE_HOSTED_ZONE"]


# What ministack has no service for: kept as told

told = {}
numbers = itertools.count(1)


def told_handlers(name, physical_id, attributes=lambda made: {}, replaces=()):
    """Handlers of a type whose resource is its properties, anew where one of `replaces` changes."""

    def key(made):
        return get_account_id(), get_region(), name, made

    def create(logical_id, properties, stack_name):
        made = physical_id(properties)
        if key(made) in told:
            raise Refused(f"{name} {made} already exists")
        told[key(made)] = properties
        return made, attributes(made)

    def update(made, old, new, stack_name, logical_id=None):
        if any(old.get(one) != new.get(one) for one in replaces):
            successor = create(logical_id, new, stack_name)
            delete(made, old)
            return successor
        told[key(made)] = new
        return made, attributes(made)

    def delete(made, properties):
        if told.pop(key(made), None) is None:
            raise Refused(f"{name} {made} does not exist")

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def register_told(name, *arguments, **options):
    _RESOURCE_HANDLERS[name] = told_handlers(name, *arguments, **options)


TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")

register_told(
    "AWS::ApplicationAutoScaling::ScalableTarget",
    lambda properties: "|".join(properties[one] for one in TARGET),
    lambda made: {"Id": made},
    replaces=TARGET,
)
register_told(
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    lambda properties: f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{next(numbers)}:"
    f"policyName/{properties['PolicyName']}",
    lambda made: {"Arn": made},
    replaces=("PolicyName", "ScalingTargetId", *TARGET),
)
register_told(
    "AWS::WAFv2::LoggingConfiguration",
    lambda properties: properties["ResourceArn"],
    replaces=("ResourceArn",),
)


# A database whose master password RDS manages in a secret of its own, which ministack's CloudFormation does not make

DATABASE = "AWS::RDS::DBInstance"
plain_database = dict(_RESOURCE_HANDLERS[DATABASE])
SECRET_ARN = "MasterUserSecret.SecretArn"


def create_database(logical_id, properties, stack_name):
    made, attributes = plain_database["create"](logical_id, properties, stack_name)
    if properties.get("ManageMasterUserPassword"):
        words = {"username": properties["MasterUsername"], "password": secrets.token_urlsafe(24)}
        secret = json_action(secretsmanager._create_secret, Name=f"rds!db-{made}", SecretString=json.dumps(words))
        attributes = {**attributes, SECRET_ARN: secret["ARN"]}
    return made, attributes


def delete_database(physical_id, properties):
    plain_database["delete"](physical_id, properties)
    if properties.get("ManageMasterUserPassword"):
        json_action(secretsmanager._delete_secret, SecretId=f"rds!db-{physical_id}", ForceDeleteWithoutRecovery=True)


_RESOURCE_HANDLERS[DATABASE] = {**plain_database, "create": create_database, "delete": delete_database}


# Secrets, whose Ref is the ARN; ministack gives the name

SECRET = "AWS::SecretsManager::Secret"
named_secret = dict(_RESOURCE_HANDLERS[SECRET])


def name_of_secret(arn):
    return next(secret["Name"] for secret in secretsmanager._secrets.values() if secret["ARN"] == arn)


def create_secret(logical_id, properties, stack_name):
    _, attributes = named_secret["create"](logical_id, properties, stack_name)
    return attributes["Arn"], attributes


def update_secret(physical_id, old, new, stack_name, logical_id=None):
    name, _ = named_secret["update"](name_of_secret(physical_id), old, new, stack_name, logical_id)
    arn = secretsmanager._secrets[name]["ARN"]
    return arn, {"Id": arn, "Arn": arn}


_RESOURCE_HANDLERS[SECRET] = {
    "create": create_secret,
    "update": update_secret,
    "update_with_logical_id": True,
    "delete": lambda physical_id, properties: named_secret["delete"](name_of_secret(physical_id), properties),
}


# Alarms over metric math, which ministack's alarms refuse

ALARM = "AWS::CloudWatch::Alarm"
plain_alarm = dict(_RESOURCE_HANDLERS[ALARM])
math_alarm = told_handlers(
    ALARM,
    lambda properties: properties.get("AlarmName") or f"alarm-over-metric-math-{next(numbers)}",
    lambda made: {"Arn": f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{made}"},
    replaces=("AlarmName",),
)


def alarm_handler(properties):
    return math_alarm if "Metrics" in properties else plain_alarm


def update_alarm(physical_id, old, new, stack_name, logical_id=None):
    former, handler = alarm_handler(old), alarm_handler(new)
    if former is not handler:
        made = handler["create"](logical_id, new, stack_name)
        former["delete"](physical_id, old)
        return made
    if "update" not in handler:
        return handler["create"](logical_id, new, stack_name)
    names = (stack_name, logical_id) if handler.get("update_with_logical_id") else (stack_name,)
    return handler["update"](physical_id, old, new, *names)


_RESOURCE_HANDLERS[ALARM] = {
    "create": lambda logical_id, properties, stack_name: alarm_handler(properties)["create"](
        logical_id, properties, stack_name
    ),
    "update": update_alarm,
    "update_with_logical_id": True,
    "delete": lambda physical_id, properties: alarm_handler(properties)["delete"](physical_id, properties),
}


# Parameters that are SSM parameters' names: CloudFormation tells the name as the value, and beside it what it held then

describe_stacks = _ACTION_HANDLERS["DescribeStacks"]


def describe_with_names(parameters):
    """DescribeStacks, which ministack answers with what a parameter held in the place of its name."""
    status, headers, body = describe_stacks(parameters)
    text = body.decode() if isinstance(body, bytes) else body
    for stack in _stacks.values():
        for key, known in (stack.get("_resolved_params") or {}).items():
            if isinstance(known, dict) and "SsmName" in known:
                head = f"<ParameterKey>{key}</ParameterKey><ParameterValue>"
                value = known["Value"]
                resolved = f"{head}{known['SsmName']}</ParameterValue><ResolvedValue>{value}</ResolvedValue>"
                text = text.replace(f"{head}{value}</ParameterValue>", resolved)
    return status, headers, text.encode()


_ACTION_HANDLERS["DescribeStacks"] = describe_with_names
