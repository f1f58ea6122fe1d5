// Jest setup provided by Grafana scaffolding
import './.config/jest-setup';

// Comboboxes measure their texts.
HTMLCanvasElement.prototype.getContext = () => ({ measureText: (text) => ({ width: text.length }) });

// Lists look at what of them is seen.
class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}
Object.assign(global, { IntersectionObserver: Observer, ResizeObserver: Observer });
