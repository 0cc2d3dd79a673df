// What ajv takes to parse and validate an event: node out/ajv.mjs FOLDER
import { readFileSync } from 'node:fs'
import Ajv from 'ajv'
import Ajv2020 from 'ajv/dist/2020.js'
import Ajv4 from 'ajv-draft-04'

const folder = process.argv[2]
const schema = JSON.parse(readFileSync(`${folder}/schema-noformat.json`, 'utf8'))
const events = readFileSync(`${folder}/instances.jsonl`, 'utf8').trim().split('\n')
const dialect = schema.$schema ?? ''
const Dialect = dialect.includes('2020-12') ? Ajv2020 : dialect.includes('draft-04') ? Ajv4 : Ajv
const begin = performance.now()
const validate = new Dialect({ strict: false, validateFormats: false }).compile(schema)
const compile = performance.now() - begin
for (const e of events) if (!validate(JSON.parse(e))) throw new Error(`refused: ${e.slice(0, 80)}`)
const times = []
for (let round = 0; round < 7; round++) {
  let n = 0
  const begin = performance.now()
  while (performance.now() - begin < 200) {
    for (const e of events) validate(JSON.parse(e))
    n += events.length
  }
  times.push(((performance.now() - begin) * 1e6) / n)
}
times.sort((a, b) => a - b)
console.log(`${times[3].toFixed(0)} ns/event, compile ${compile.toFixed(1)} ms`)
