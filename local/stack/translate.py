"""Translates infra/template.yaml into what the local engine's CloudFormation can deploy.

Reads JSON on standard input: {"template": path, "parameters": {...}, "code": {binary: s3 address}}. Writes the template as JSON.

Five things differ from what `sam deploy` sends to AWS:
- the code of each function comes from the engine's own S3, by the name of its binary;
- a number that is a parameter is spelled out where the engine counts with it;
- a new version of a function takes over at once, since the engine has no CodeDeploy;
- whoever sends on a queue of the engine is its account, whatever the role, so that stands for each role's id;
- the HTTP API's OpenAPI body, which the engine does not read, becomes an authorizer, integrations, routes and what other origins may.
"""

import json
import os
import re
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


# `SenderId` of every message on the engine's queues.
ENGINE_ACCOUNT = "000000000000"


class NoManagedPolicies:
    """Every function has its own role, so the translator never asks for AWS's managed policies."""

    def load(self):
        return {}


def main():
    request = json.load(sys.stdin)
    with open(request["template"], encoding="utf-8") as file:
        template = yaml_parse(file)
    point_at_code(template, request["code"])
    translated = transform(template, request["parameters"], NoManagedPolicies())
    spell_out_http_apis(translated["Resources"])
    spell_out_concurrency(translated, request["parameters"])
    translated["Resources"] = with_one_sender(translated["Resources"])
    json.dump(translated, sys.stdout)


def point_at_code(template, code):
    template["Globals"]["Function"].pop("CodeUri", None)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            binary = resource["Metadata"]["BuildProperties"]["Binary"]
            resource["Properties"]["CodeUri"] = code[binary]
            for gradual in ("AutoPublishAlias", "AutoPublishAliasAllProperties", "DeploymentPreference", "VersionDescription"):
                resource["Properties"].pop(gradual, None)


def spell_out_concurrency(translated, parameters):
    """The engine counts with this number as it is given, and delivers nothing at all where it is a parameter's text."""
    for resource in translated["Resources"].values():
        scaling = resource.get("Properties", {}).get("ScalingConfig")
        if resource["Type"] == "AWS::Lambda::EventSourceMapping" and scaling:
            most = scaling["MaximumConcurrency"]
            if isinstance(most, dict):
                most = parameters.get(most["Ref"], translated["Parameters"][most["Ref"]]["Default"])
            scaling["MaximumConcurrency"] = int(most)


def with_one_sender(part):
    if isinstance(part, dict):
        wanted = part.get("Fn::GetAtt")
        if wanted is not None and (wanted[-1] == "RoleId" or str(wanted).endswith(".RoleId")):
            return ENGINE_ACCOUNT
        return {name: with_one_sender(value) for name, value in part.items()}
    if isinstance(part, str):
        return re.sub(r"\$\{\w+\.RoleId\}", ENGINE_ACCOUNT, part)
    return [with_one_sender(value) for value in part] if isinstance(part, list) else part


def spell_out_http_apis(resources):
    for name, resource in list(resources.items()):
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            body = resource["Properties"].pop("Body")
            resource["Properties"].setdefault("ProtocolType", "HTTP")
            resource["Properties"].setdefault("Name", name)
            # In the words of OpenAPI, by which the engine looks for them.
            resource["Properties"]["CorsConfiguration"] = body["x-amazon-apigateway-cors"]
            resources.update(authorizers(name, body))
            resources.update(routes(name, body))


def authorizers(api, body):
    schemes = body.get("components", {}).get("securitySchemes", {})
    return {f"{api}Authorizer{scheme}": authorizer(api, scheme, definition) for scheme, definition in schemes.items()}


def authorizer(api, scheme, definition):
    definition = definition["x-amazon-apigateway-authorizer"]
    configuration = definition["jwtConfiguration"]
    return {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": {"Ref": api},
            "Name": scheme,
            "AuthorizerType": "JWT",
            "IdentitySource": [definition["identitySource"]],
            "JwtConfiguration": {"Issuer": configuration["issuer"], "Audience": configuration["audience"]},
        },
    }


def routes(api, body):
    resources = {}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                resources.update(route(api, path, method.upper(), operation))
    return resources


def route(api, path, method, operation):
    integration = operation["x-amazon-apigateway-integration"]
    suffix = re.sub(r"[^A-Za-z0-9]", "", f"{method}{path.title()}") or method
    scheme = next((name for security in operation.get("security", []) for name in security), None)
    properties = {
        "ApiId": {"Ref": api},
        "RouteKey": f"{method} {path}",
        "Target": {"Fn::Sub": ["integrations/${Integration}", {"Integration": {"Ref": f"{api}Integration{suffix}"}}]},
    }
    if scheme:
        properties |= {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": f"{api}Authorizer{scheme}"}}
    return {
        f"{api}Integration{suffix}": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            },
        },
        f"{api}Route{suffix}": {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties},
    }


if __name__ == "__main__":
    main()
