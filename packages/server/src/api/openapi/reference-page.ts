import { curlLine } from './curl-line.ts';
import { boundsOf, listIn, operationsByTag, resolve, textIn, typeOf, type DescribedOperation } from './described.ts';
import { html, prose, type Html } from './html.ts';
import { isRecord, recordIn, type Json } from './json.ts';

/**
 * The document as a page to read: made once, of HTML alone, so that it works offline, without scripts and under the
 * strictest content policy.
 */
export function createReferencePage(document: Json): string {
  const info = recordIn(document, 'info');
  const tags = operationsByTag(document);
  const schemas = Object.entries(recordIn(recordIn(document, 'components'), 'schemas'));
  const { text } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${textIn(info, 'title')} – REST reference</title>
        <link rel="stylesheet" href="/docs/style.css" />
      </head>
      <body>
        <nav aria-label="Operations">
          <a href="#top"><strong>${textIn(info, 'title')} ${textIn(info, 'version')}</strong></a>
          <a href="/openapi.json">OpenAPI document</a>
          ${[...tags].map(([tag, operations]) => navigation(tag, operations))}
          <h2>Schemas</h2>
          <ul>
            ${schemas.map(([name]) => html`<li><a href="#schema-${name}">${name}</a></li>`)}
          </ul>
        </nav>
        <main>
          <h1 id="top">REST reference</h1>
          <p>${textIn(info, 'summary')}</p>
          <p>${prose(textIn(info, 'description'))}</p>
          <p>
            ${prose(textIn(recordIn(recordIn(recordIn(document, 'components'), 'securitySchemes'), 'bearer'), 'description'))}
          </p>
          ${[...tags].map(([tag, operations]) => group(document, tag, operations))}
          <h2 id="schemas">Schemas</h2>
          ${schemas.map(([name, schema]) => schemaSection(name, isRecord(schema) ? schema : {}))}
        </main>
      </body>
    </html> `;
  return text;
}

function navigation(tag: string, operations: readonly DescribedOperation[]): Html {
  return html`<h2>${tag}</h2>
    <ul>
      ${operations.map(({ id }) => html`<li><a href="#${id}">${id}</a></li>`)}
    </ul>`;
}

function group(document: Json, tag: string, operations: readonly DescribedOperation[]): Html {
  const described = listIn(document, 'tags').find((each) => isRecord(each) && each['name'] === tag);
  return html`<h2 id="tag-${tag}">${tag}</h2>
    <p>${isRecord(described) ? textIn(described, 'description') : ''}</p>
    ${operations.map((operation) => operationSection(document, operation))}`;
}

function operationSection(document: Json, described: DescribedOperation): Html {
  const { id, method, path, operation } = described;
  const parameters = listIn(operation, 'parameters').map((parameter) => resolve(document, parameter));
  const body = recordIn(recordIn(recordIn(operation, 'requestBody'), 'content'), 'application/json');
  return html`<section id="${id}">
    <h3>
      <span class="route"><span class="method ${method}">${method.toUpperCase()}</span>${path}</span>
    </h3>
    <p>${prose(textIn(operation, 'summary'))}</p>
    <p class="access">${prose(textIn(operation, 'description'))} <code>${id}</code></p>
    ${parameters.length === 0 ? undefined : parameterTable(parameters)}
    ${
      'schema' in body
        ? html`<h4>Body</h4>
            ${fieldTable(resolve(document, body['schema']))}`
        : undefined
    }
    <h4>Example</h4>
    <pre>${curlLine(document, described)}</pre>
    ${Object.entries(recordIn(operation, 'responses')).map(([status, response]) =>
      responsePart(status, resolve(document, response)),
    )}
  </section>`;
}

function parameterTable(parameters: readonly Json[]): Html {
  const rows = parameters.map((parameter) => {
    const schema = recordIn(parameter, 'schema');
    const words = [textIn(parameter, 'description'), textIn(schema, 'description'), boundsOf(schema)];
    return row(textIn(parameter, 'name'), schema, parameter['required'] === true, words, textIn(parameter, 'in'));
  });
  return html`<h4>Parameters</h4>
    <table>
      <tr>
        <th>Name</th>
        <th>Type</th>
        <th>What it is</th>
      </tr>
      ${rows}
    </table>`;
}

function fieldTable(schema: Json): Html {
  const required = listIn(schema, 'required');
  const fields = Object.entries(recordIn(schema, 'properties'));
  if (fields.length === 0) return html`<p>${linked(typeOf(schema))} ${prose(boundsOf(schema))}</p>`;
  const rows = fields.map(([name, given]) => {
    const field = isRecord(given) ? given : {};
    return row(name, field, required.includes(name), [textIn(field, 'description'), boundsOf(field)]);
  });
  return html`<table>
    <tr>
      <th>Field</th>
      <th>Type</th>
      <th>What it is</th>
    </tr>
    ${rows}
  </table>`;
}

function row(name: string, schema: Json, required: boolean, words: readonly string[], place?: string): Html {
  return html`<tr>
    <td>
      <code>${name}</code> ${required ? html`<span class="required">required</span>` : undefined}
      ${place === undefined ? undefined : html`<span class="access">${place}</span>`}
    </td>
    <td>${linked(typeOf(schema))}</td>
    <td>${prose(words.filter((each) => each !== '').join(' '))}</td>
  </tr>`;
}

function responsePart(status: string, response: Json): Html {
  const parts = Object.entries(recordIn(response, 'content')).map(([mediaType, given]) => {
    const content = isRecord(given) ? given : {};
    const schema = recordIn(content, 'schema');
    const item = isRecord(schema['x-item-schema']) ? schema['x-item-schema'] : undefined;
    const shown = content['example'] ?? undefined;
    return html`<p><code>${mediaType}</code> ${linked(typeOf(item ?? schema))}</p>
      ${
        shown === undefined
          ? undefined
          : html`<pre>${typeof shown === 'string' ? shown : JSON.stringify(shown, null, 2)}</pre>`
      }`;
  });
  return html`<details>
    <summary><strong>${status}</strong> ${prose(textIn(response, 'description'))}</summary>
    ${parts}
  </details>`;
}

function schemaSection(name: string, schema: Json): Html {
  return html`<section id="schema-${name}">
    <h3>${name}</h3>
    <p>${prose(textIn(schema, 'description'))}</p>
    ${fieldTable(schema)}
  </section>`;
}

/** Links the names of schemas, which stand in angle brackets. */
function linked(type: string): Html {
  const parts = type.split(/<(\w+)>/);
  return html`<code
    >${parts.map((part, index) =>
      index % 2 === 1 ? html`<a href="#schema-${part}">${part}</a>` : html`${part}`,
    )}</code
  >`;
}
