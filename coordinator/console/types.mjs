// Writes src/api/types.ts from the coordinator's OpenAPI document; with --check it only compares.
//
// A map with keys of an endpoint's choice becomes a `Map`: `__proto__` is a legal label. MAPS names the fields that hold one.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../api/src/openapi.json", import.meta.url));
const target = fileURLToPath(new URL("src/api/types.ts", import.meta.url));

/** Names of fields that are maps. */
const maps = new Set();

/** Returns the TypeScript type of a schema. */
function typeOf(schema, field) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf ?? schema.anyOf) {
    return (schema.oneOf ?? schema.anyOf).map((one) => typeOf(one, field)).join(" | ");
  }
  if (schema.allOf) return schema.allOf.map((one) => typeOf(one, field)).join(" & ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => typeOf({ ...schema, type }, field)).join(" | ");
  }
  switch (schema.type) {
    case "null":
      return "null";
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return "number";
    case "array": {
      const item = typeOf(schema.items ?? {}, field);
      return /^[A-Za-z]+$/.test(item) ? `${item}[]` : `(${item})[]`;
    }
    case "object":
      return schema.properties ? body(schema) : mapOf(schema, field);
    default:
      return "unknown";
  }
}

function mapOf(schema, field) {
  if (field) maps.add(field);
  const value = schema.additionalProperties;
  return `Map<string, ${typeof value === "object" ? typeOf(value, field) : "unknown"}>`;
}

/** Returns the fields of an object, in alphabetical order as the document has them. */
function body(schema, indent = "") {
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties).map(([name, field]) => {
    const about = field.description ? `${indent}  /** ${comment(field.description)} */\n` : "";
    const key = /^[a-z_][a-z0-9_]*$/i.test(name) ? name : JSON.stringify(name);
    return `${about}${indent}  ${key}${required.has(name) ? "" : "?"}: ${typeOf(field, name)};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function comment(text) {
  return text.replaceAll("*/", "* /").replaceAll(/\s+/g, " ").trim();
}

/** Returns the declaration of one schema. */
function declare(name, schema) {
  const about = schema.description ? `/** ${comment(schema.description)} */\n` : "";
  const open = schema.additionalProperties && schema.properties;
  const type = schema.properties ? body(schema) : typeOf(schema, "");
  return `${about}export type ${name} = ${type}${open ? " & { [column: string]: unknown }" : ""};\n`;
}

const schemas = Object.entries(JSON.parse(readFileSync(source, "utf8")).components.schemas);
const types = schemas.map(([name, schema]) => declare(name, schema));
const names = [...maps].sort().map((name) => JSON.stringify(name));
const text = `// Made by types.mjs from coordinator/api/src/openapi.json; do not edit.

/** Fields that are maps with keys of an endpoint's choice. */
export const MAPS: ReadonlySet<string> = new Set([${names.join(", ")}]);

${types.join("\n")}`;

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== text) {
    console.error("error: src/api/types.ts is not what coordinator/api/src/openapi.json says");
    console.error("  try:   node types.mjs, and look at the difference");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
