// Express routes that leak, each in a way of its own. See the README beside this.
const express = require('express');
const fs = require('fs');
const path = require('path');

const base = path.resolve(process.env.FILES || 'files');
const app = express();
app.use(express.json());

app.get('/', (req, res) => res.send('ready'));

// path.join honours every '..'; an error that nobody handles is answered with its stack.
app.get('/join', (req, res) => res.type('text').send(fs.readFileSync(path.join(base, String(req.query.file)))));

// path.resolve lets an absolute name replace the base.
app.get('/resolve', (req, res) => {
  if (String(req.query.file).includes('..')) return res.sendStatus(400);
  res.sendFile(path.resolve(base, String(req.query.file)), { dotfiles: 'allow' }, (err) => err && !res.headersSent && res.sendStatus(404));
});

// realpath and a prefix with its separator: nothing leaves the base, but the answers tell what exists elsewhere.
app.get('/oracle', (req, res) => {
  let real;
  try {
    real = fs.realpathSync(path.join(base, String(req.query.file)));
  } catch {
    return res.sendStatus(404);
  }
  if (!real.startsWith(base + path.sep)) return res.sendStatus(403);
  res.sendFile(real, { dotfiles: 'allow' }, (err) => err && !res.headersSent && res.sendStatus(404));
});

// The name comes in a JSON document.
app.post('/json', (req, res) => {
  fs.readFile(base + '/' + req.body.file, (err, data) => (err ? res.sendStatus(404) : res.type('text').send(data)));
});

app.listen(Number(process.env.PORT || 0), '127.0.0.1');
