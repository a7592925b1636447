// The device tree: everything that the kernel asks of one at start, of any bytes.

import Drivers

enum Tree {
    static func run(_ input: [UInt8]) -> UInt64 {
        unsafe input.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, let tree = unsafe DeviceTree(start, available: bytes.count) else {
                return 0
            }
            return look(through: tree)  // the tree does not outlive the bytes
        }
    }

    private static func look(through tree: DeviceTree) -> UInt64 {
        var sum = UInt64(tree.byteCount)
        var walker = tree.nodes
        var nodes = 0
        while let node = walker.next(), nodes < 60 {
            nodes += 1
            sum &+= look(at: node)
        }
        for i in 0..<3 {
            sum &+= tree.memory(i)?.address ?? 0
            if let hart = tree.hart(i) { sum &+= look(at: hart) }
            if let controller = tree.interruptController(ofHart: UInt64(i)) { sum &+= UInt64(controller) }
        }
        sum &+= total(tree.bootArguments) &+ total(tree.randomSeed) &+ UInt64(tree.timebaseFrequency ?? 0)
        if let path = tree.standardOutputPath, let node = tree.node(path: path) { sum &+= look(at: node) }
        if let plic = tree.node(compatible: "sifive,plic-1.0.0") {
            for hart in 0..<2 as Range<UInt64> { sum &+= UInt64(tree.supervisorContext(ofHart: hart, in: plic) ?? 0) }
        }
        return sum
    }

    private static func look(at node: DeviceTreeNode) -> UInt64 {
        var sum = total(node.name) &+ UInt64(node.depth)
        var properties = node.properties
        var left = 50
        while left > 0, let property = properties.next() {
            left -= 1
            sum &+= total(property.name) &+ total(property.value)
        }
        for i in [0, 1, 7] {
            if let region = node.region(i) { sum &+= region.address &+ region.byteCount }
            if let interrupt = node.interrupt(i) { sum &+= UInt64(interrupt.number) }
        }
        return node.isEnabled && node.isCompatible(with: "virtio,mmio") ? sum &+ 1 : sum
    }

    /// Touches every byte.
    private static func total(_ bytes: DeviceTreeBytes?) -> UInt64 {
        guard let bytes else { return 0 }
        var sum: UInt64 = 0
        for i in 0..<bytes.count { sum &+= UInt64(bytes[i] ?? 0) }
        return sum
    }
}
