import { describeRequestEvents } from '@pik/testkit/fixtures/request-events/contract/contract';
import express from 'express';
import { startExpress } from './service.ts';

describeRequestEvents('Express 5', (options) => startExpress(express, options));
