/** Takes connections where something else is expected, and answers what is no HTTP: `node babbler-process.ts HOST PORT`. */

import { createServer } from 'node:net';

const [host, port] = process.argv.slice(2);
const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', () => socket.write('\u0000\u0001 220 babble\r\n\r\n'));
});
server.listen(Number(port), host, () => process.stdout.write('babbling\n'));
