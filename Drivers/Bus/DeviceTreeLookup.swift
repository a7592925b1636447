// What a kernel asks of the device tree. Each look-up walks the whole blob: they are made once, at start.

extension DeviceTree {
    /// The first node, at or after number `skipping`, that fits; nodes that are disabled do not.
    @inline(never)
    public func first(skipping: Int = 0, where fits: (DeviceTreeNode) -> Bool) -> DeviceTreeNode? {
        var walker = nodes
        var left = skipping
        while let node = walker.next() {
            guard node.isEnabled, fits(node) else { continue }
            if left == 0 { return node }
            left -= 1
        }
        return nil
    }

    /// Node number `index` of those compatible with this.
    public func node(compatible text: StaticString, _ index: Int = 0) -> DeviceTreeNode? {
        first(skipping: index) { $0.isCompatible(with: text) }
    }

    /// Memory region number `index`, over all memory nodes: physical address and bytes.
    public func memory(_ index: Int) -> (address: UInt64, byteCount: UInt64)? {
        var left = index
        var walker = nodes
        while let node = walker.next() {
            guard node.isEnabled, node.hasType("memory") else { continue }
            var i = 0
            while let region = node.region(i) {
                if left == 0 { return region }
                left -= 1
                i += 1
            }
        }
        return nil
    }

    public var chosen: DeviceTreeNode? { first { $0.depth == 1 && $0.isNamed("chosen") } }
    /// The boot arguments, without the NUL.
    public var bootArguments: DeviceTreeBytes? { chosen?["bootargs"]?.text }
    /// Path of the console, up to the colon that begins its options.
    public var standardOutputPath: DeviceTreeBytes? {
        guard let text = chosen?["stdout-path"]?.text else { return nil }
        var length = 0
        while length < text.count, text[length] != UInt8(ascii: ":") { length += 1 }
        return text.prefix(length)
    }
    public var randomSeed: DeviceTreeBytes? { chosen?["rng-seed"] }

    /// Ticks of the `time` register per second.
    public var timebaseFrequency: UInt64? {
        let value = first { $0.depth == 1 && $0.isNamed("cpus") }?["timebase-frequency"]
        return value.flatMap { $0.number(0, cells: $0.count / 4) }
    }

    /// Hart number `index`, in the order of the blob; its `reg` is the hart id.
    public func hart(_ index: Int) -> DeviceTreeNode? { first(skipping: index) { $0.hasType("cpu") } }

    /// The node at a path such as "/soc/serial@10000000".
    public func node(path: DeviceTreeBytes) -> DeviceTreeNode? {
        var walker = nodes
        var depth = 0, start = 0  // the components before `start` are matched by the ancestors, up to `depth`
        guard walker.next() != nil, path[0] == UInt8(ascii: "/") else { return nil }
        start = 1
        while let node = walker.next() {
            if node.depth <= depth { return nil }  // left the matched ancestor
            guard node.depth == depth + 1 else { continue }
            var end = start
            while let byte = path[end], byte != UInt8(ascii: "/"), byte != 0 { end += 1 }
            guard matches(node.name, path, start, end) else { continue }
            if path[end] != UInt8(ascii: "/") { return node }
            depth = node.depth
            start = end + 1
        }
        return nil
    }

    private func matches(_ name: DeviceTreeBytes, _ path: DeviceTreeBytes, _ start: Int, _ end: Int) -> Bool {
        guard name.count == end - start else { return false }
        for i in 0..<name.count where name[i] != path[start + i] { return false }
        return true
    }

    public func node(phandle: UInt32) -> DeviceTreeNode? {
        var walker = nodes
        while let node = walker.next() {
            if node.phandle == phandle { return node }
        }
        return nil
    }

    /// `#interrupt-cells` of the interrupt controller with this phandle.
    public func interruptCells(of phandle: UInt32) -> Int? {
        guard let cells = node(phandle: phandle)?["#interrupt-cells"]?.be32(0), cells <= 16 else { return nil }
        return Int(cells)
    }

    /// Phandle of a hart's own interrupt controller.
    public func interruptController(ofHart id: UInt64) -> UInt32? {
        var walker = nodes
        var hartDepth: Int?
        while let node = walker.next() {
            if let depth = hartDepth {
                if node.depth <= depth {
                    hartDepth = nil
                } else if node.isCompatible(with: "riscv,cpu-intc") {
                    return node.phandle
                }
            }
            if node.hasType("cpu"), node.region()?.address == id { hartDepth = node.depth }
        }
        return nil
    }

    /// PLIC number `index`, in the order of the blob.
    public func plic(_ index: Int) -> DeviceTreeNode? {
        first(skipping: index) { $0.isCompatible(with: "riscv,plic0") || $0.isCompatible(with: "sifive,plic-1.0.0") }
    }

    /// The IMSIC that an APLIC sends its messages to; nil of one that interrupts harts itself.
    public func messageController(of aplic: DeviceTreeNode) -> DeviceTreeNode? {
        guard let phandle = aplic["msi-parent"]?.be32(0), let node = node(phandle: phandle),
            node.isCompatible(with: "riscv,imsics")
        else { return nil }
        return node
    }

    /// The PLIC context that raises a hart's supervisor external interrupt (9): its place in interrupts-extended.
    public func supervisorContext(ofHart id: UInt64, in plic: DeviceTreeNode) -> Int? {
        context(ofHart: id, in: plic, forSupervisor: true)
    }

    /// The one that raises its machine external interrupt (11; firmware may have made it 0xffffffff).
    public func machineContext(ofHart id: UInt64, in plic: DeviceTreeNode) -> Int? {
        context(ofHart: id, in: plic, forSupervisor: false)
    }

    private func context(ofHart id: UInt64, in plic: DeviceTreeNode, forSupervisor: Bool) -> Int? {
        guard let controller = interruptController(ofHart: id), let list = plic["interrupts-extended"] else {
            return nil
        }
        var context = 0, offset = 0
        while let parent = list.be32(offset), let cells = interruptCells(of: parent) {
            if parent == controller, cells > 0, let number = list.be32(offset + 4), (number == 9) == forSupervisor,
                forSupervisor || number == 11 || number == .max
            {
                return context
            }
            context += 1
            offset += 4 + 4 * cells
        }
        return nil
    }
}
