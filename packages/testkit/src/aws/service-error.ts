/** An error like those that clients throw, with the error name of the service and the status of its response. */
export function serviceError(name: string, status: number, more: object = {}): Error {
  const error = new Error(`${name} by the fake`);
  error.name = name;
  return Object.assign(error, {
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status },
    ...more,
  });
}

/** A network error on the way to the service. */
export function networkError(code: string): Error {
  return Object.assign(new Error(`${code} by the fake`), { code });
}

/** The timeout error of a client's request handler. */
export function timeoutError(): Error {
  const error = new Error('no answer in time, by the fake');
  error.name = 'TimeoutError';
  return Object.assign(error, { code: 'ETIMEDOUT' });
}
