import { tellStory } from '@pik/example-orders/story';

await tellStory({ server: new URL('server.ts', import.meta.url), source: 'shop-on-express' });
