import express from 'express';

import { describeRequestEvents } from '../../request-events/test/contract/contract.ts';
import { startExpress } from './service.ts';

describeRequestEvents('Express 5', (options) => startExpress(express, options));
