// What the device tree says this machine has. Read once, before there is a memory allocator; nothing here knows QEMU's
// map.

import Drivers
import Machine

struct MachineDescription: ~Copyable {
    /// Where firmware put it: its pages are not free memory.
    let tree: DeviceTree
    /// The bytes that the tree takes.
    let treeBytes: Range<UInt64>
    /// Memory that is free to use.
    let memory: MemoryMap
    /// Bytes of all memory that there is.
    let memoryByteCount: UInt64
    /// Ticks of the `time` register a second.
    let timebase: UInt64
    let hartCount: Int
    /// Every hart sets its timer without firmware.
    let hasSstc: Bool
    private var hartIDs = [8 of UInt64](repeating: 0)

    /// `tree` may lie anywhere in the gigabytes that the boot table maps.
    init(bootHart: UInt64, tree address: PhysicalAddress) {
        guard let tree = unsafe DeviceTree(address.pointer, available: 1 << 20) else {
            panic("firmware gave no device tree")
        }
        self.tree = tree
        treeBytes = UInt64(address.rawValue)..<UInt64(address.rawValue) + UInt64(tree.byteCount)

        let image = address_of_kernel_start() - UInt64(kernelBase)
        let imageEnd = address_of_kernel_end() - UInt64(kernelBase)
        var memory = MemoryMap(tree, below: UInt64(directMapLimit))
        guard let range = memory.piece(at: image), imageEnd <= range.upperBound else {
            panic("the device tree names no memory for the kernel")
        }
        memoryByteCount = memory.byteCount
        memory.remove(image..<imageEnd)
        memory.remove(treeBytes)
        memory.removeReserved(of: tree)
        // Firmware lies below the kernel. Where it says what it holds, the rest is free.
        if memory.piece(at: range.lowerBound) != nil { memory.remove(range.lowerBound..<image) }
        self.memory = memory

        guard let timebase = tree.timebaseFrequency, timebase >= 1000 else {
            panic("the device tree names no timebase")
        }
        self.timebase = timebase

        // The boot hart is the first, whatever its number; boot.S has tried its instructions.
        hartIDs[0] = bootHart
        var count = 1
        var sstc = true
        var index = 0
        while let node = tree.hart(index) {
            index += 1
            guard let id = node.region()?.address else { continue }
            if id != bootHart {
                guard count < maximumHarts, node.lack == nil else { continue }
                hartIDs[count] = id
                count += 1
            }
            if !node.hasExtension("sstc") { sstc = false }
        }
        hartCount = count
        hasSstc = sstc
    }

    /// Names the harts that are left alone because of what they lack.
    func reportHarts() {
        var index = 0
        while let node = tree.hart(index) {
            index += 1
            guard let id = node.region()?.address, id != hart(0), let lack = node.lack else { continue }
            kprint("hart \(id) lacks \(lack), says the device tree: going on without it\n")
        }
    }

    /// The contexts as which harts can serve a PLIC; nil when no hart can.
    func contexts(of plic: DeviceTreeNode) -> PLICContexts? {
        var contexts = PLICContexts()
        var isServed = false
        for index in 0..<hartCount {
            guard let context = tree.supervisorContext(ofHart: hart(index), in: plic) else { continue }
            contexts.supervisor[index] = context
            contexts.machine[index] = tree.machineContext(ofHart: hart(index), in: plic) ?? -1
            isServed = true
        }
        return isServed ? contexts : nil
    }

    /// The device tree's number of hart `index`; 0 is the boot hart.
    func hart(_ index: Int) -> UInt64 { hartIDs[index] }

    /// All random bytes that firmware gives, up to 32; the time stands in for those that it does not.
    var randomKey: [4 of UInt64] {
        var key = [4 of UInt64](repeating: 0)
        for i in 0..<4 { key[i] = tree.randomSeed?.number(8 * i, cells: 2) ?? read_time() }
        return key
    }

    /// The 16550 that stdout-path names, or else the first one.
    var console: DeviceTreeNode? {
        if let path = tree.standardOutputPath, let node = tree.node(path: path), node.isCompatible(with: "ns16550a") {
            return node
        }
        return tree.node(compatible: "ns16550a")
    }

    var testDevice: PhysicalAddress? {
        tree.node(compatible: "sifive,test0")?.region().map { PhysicalAddress(UInt($0.address)) }
    }
}

extension DeviceTreeNode {
    /// What a hart needs and does not have: an MMU, or an extension that the kernel is built for.
    fileprivate var lack: StaticString? { hasMMU ? missingExtension : "an MMU" }
}
