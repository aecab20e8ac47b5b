import { readFileSync } from 'node:fs'

/**
 * The measurements of bench:operations, and the name of their file.
 * @param {string} file
 * @throws {Error} what is wrong with the file, by its name
 */
export function readMeasurements (file) {
  const text = readText(file)
  const measurements = parse(file, text)
  if (measurements?.bench !== 'operations' || typeof measurements.figures !== 'object') throw new Error(`${file} does not hold the measurements of bench:operations`)
  return { ...measurements, file }
}

function readText (file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (err) {
    if (err.code === 'ENOENT') throw new Error(`${file} is not there; npm run bench -- operations writes measurements, and numbers are given as name=number`, { cause: err })
    throw new Error(`${file} cannot be read: ${err.code === 'EISDIR' ? 'it is a folder' : err.message}`, { cause: err })
  }
}

function parse (file, text) {
  try {
    return JSON.parse(text)
  } catch (err) {
    throw new Error(`${file} is not JSON`, { cause: err })
  }
}
