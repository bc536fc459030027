import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

const ATTEMPTS_MAX = 2;
const CONNECT_MS = 1_000;
const REQUEST_MS = 2_000;

/** The longest that a look for the secret may take, in milliseconds, but for a pause between its attempts. */
export const SECRET_MS_MAX = ATTEMPTS_MAX * (CONNECT_MS + REQUEST_MS);

/** The text of the secret with this ARN. Asked for once in minutes, so no connection is kept. */
export async function readSecret(arn: string): Promise<string> {
  const client = new SecretsManagerClient({
    // Together below the ten seconds in which a function must have started, pauses included.
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS, throwOnRequestTimeout: true },
  });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
    if (SecretString === undefined || SecretString === '') throw new Error('the secret has no text');
    return SecretString;
  } finally {
    client.destroy();
  }
}
