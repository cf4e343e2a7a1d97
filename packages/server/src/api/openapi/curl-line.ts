import { recordIn, type Json } from './json.ts';
import { listIn, resolve, textIn, type DescribedOperation } from './described.ts';

/** The example of an operation as a command to paste, with the token in `$TOKEN`. */
export function curlLine(document: Json, { method, path, operation }: DescribedOperation): string {
  const parameters = listIn(operation, 'parameters').map((parameter) => resolve(document, parameter));
  const filled = path.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const parameter = parameters.find((each) => each['name'] === name);
    return parameter ? valueOf(parameter) : whole;
  });
  const query = parameters
    .filter((parameter) => parameter['in'] === 'query' && parameter['required'] === true)
    .map((parameter) => `${textIn(parameter, 'name')}=${valueOf(parameter)}`);
  const body = recordIn(recordIn(recordIn(operation, 'requestBody'), 'content'), 'application/json')['example'];
  const isPublic = Array.isArray(operation['security']);
  const base = textIn(recordIn({ it: listIn(document, 'servers')[0] }, 'it'), 'url');
  return [
    `curl -sS${method === 'get' || method === 'post' ? '' : ` -X ${method.toUpperCase()}`}`,
    ...(isPublic ? [] : ['-H "authorization: Bearer $TOKEN"']),
    ...(body === undefined ? [] : ["-H 'content-type: application/json'"]),
    `'${base}${filled}${query.length > 0 ? `?${query.join('&')}` : ''}'`,
    ...(body === undefined ? [] : [`\\\n  -d '${JSON.stringify(body).replaceAll("'", String.raw`'\''`)}'`]),
  ].join(' ');
}

function valueOf({ example }: Json): string {
  return encodeURIComponent(typeof example === 'string' ? example : JSON.stringify(example ?? ''));
}
