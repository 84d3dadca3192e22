/**
 * Round-trip times as a small line, newest at the right. The scale is logarithmic: one slow answer
 * must not flatten all the others.
 */

import { MAX_SAMPLES } from './roundtrips.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 240;
const HEIGHT = 48;
const EDGE = 4;
/** Browsers round short times to zero, which has no logarithm (milliseconds). */
const SHORTEST_MS = 0.05;
/** The scale spans at least this factor, so that jitter does not look like an event. */
const MIN_SPAN = 4;

export class Sparkline {
  #area = shape('path', 'spark-area');
  #line = shape('path', 'spark-line');
  #dots = shape('g', 'spark-dots');

  /** @param {Element} host */
  constructor(host) {
    const svg = shape('svg', 'spark');
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('aria-hidden', 'true');
    const base = shape('path', 'spark-base');
    base.setAttribute('d', `M0 ${HEIGHT - EDGE}H${WIDTH}`);
    svg.append(base, this.#area, this.#line, this.#dots);
    host.append(svg);
  }

  /** @param {import('./roundtrips.js').Sample[]} samples oldest first */
  draw(samples) {
    if (samples.length === 0) return;
    const height = scale(samples.map(({ ms }) => ms));
    const step = (WIDTH - 2 * EDGE) / (MAX_SAMPLES - 1);
    const points = samples.map(({ ms, source }, index) => ({
      x: WIDTH - EDGE - (samples.length - 1 - index) * step,
      y: HEIGHT - EDGE - height(ms) * (HEIGHT - 2 * EDGE),
      source,
    }));
    const first = points[0];
    const last = points[points.length - 1];
    const line = points.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L');
    const floor = HEIGHT - EDGE;
    this.#line.setAttribute('d', `M${line}`);
    this.#area.setAttribute('d', `M${line}L${last.x.toFixed(1)} ${floor}H${first.x.toFixed(1)}Z`);
    const marked = points.filter((point) => point === last || point.source === 'message');
    this.#dots.replaceChildren(...marked.map((point) => dot(point, point === last)));
  }
}

/**
 * @param {number[]} times
 * @returns {(ms: number) => number} from 0 to 1
 */
function scale(times) {
  const log = (/** @type {number} */ ms) => Math.log(Math.max(ms, SHORTEST_MS));
  const low = log(Math.min(...times)) - Math.log(1.5);
  const high = Math.max(log(Math.max(...times)), low + Math.log(MIN_SPAN));
  return (ms) => (log(ms) - low) / (high - low);
}

/**
 * @param {{ x: number, y: number }} point
 * @param {boolean} latest
 */
function dot({ x, y }, latest) {
  const circle = shape('circle', latest ? 'spark-dot latest' : 'spark-dot');
  circle.setAttribute('cx', x.toFixed(1));
  circle.setAttribute('cy', y.toFixed(1));
  circle.setAttribute('r', latest ? '3.2' : '1.8');
  return circle;
}

/**
 * @param {string} name
 * @param {string} className
 */
function shape(name, className) {
  const element = document.createElementNS(SVG, name);
  element.setAttribute('class', className);
  return element;
}
