import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

/** The text of the secret with this ARN. Asked for once in minutes, so no connection is kept. */
export async function readSecret(arn: string): Promise<string> {
  const client = new SecretsManagerClient({
    // Together below the ten seconds in which a function must have started.
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
  });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
    if (SecretString === undefined || SecretString === '') throw new Error('the secret has no text');
    return SecretString;
  } finally {
    client.destroy();
  }
}
