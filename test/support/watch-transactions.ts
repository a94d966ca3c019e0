// Set-up of every test: what must not be done inside a database transaction is found out.
import { watchTransactions } from '../../src/base/transaction-scope.ts';

watchTransactions();
