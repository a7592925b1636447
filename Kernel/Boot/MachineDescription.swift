// What the device tree says this machine has. Read once, before there is a memory allocator; nothing here knows QEMU's
// map.

import Drivers
import Machine

struct MachineDescription: ~Copyable {
    let tree: DeviceTree
    /// The memory region that the kernel was loaded into; others are left alone.
    let ram: Range<UInt>
    /// The first memory after the kernel and the copy of the device tree.
    let freeMemory: PhysicalAddress
    /// Ticks of the `time` register a second.
    let timebase: UInt64
    let hartCount: Int
    /// Every hart sets its timer without firmware.
    let hasSstc: Bool
    private var hartIDs = [8 of UInt64](repeating: 0)

    /// `tree` may lie anywhere in the gigabytes that the boot table maps. It is copied to just behind the kernel, so
    /// that the rest of the memory is one free piece.
    init(bootHart: UInt64, tree address: PhysicalAddress) {
        guard let original = unsafe DeviceTree(address.pointer, available: 1 << 20) else {
            panic("firmware gave no device tree")
        }
        let copy = PhysicalAddress(directMapped: pageCeiling(address_of_kernel_end().uint))
        // free memory behind the kernel
        unsafe copy.pointer.copyMemory(from: address.pointer, byteCount: original.byteCount)
        guard let tree = unsafe DeviceTree(copy.pointer, available: original.byteCount) else {
            panic("the device tree is damaged")
        }
        self.tree = tree
        freeMemory = PhysicalAddress(pageCeiling(copy.rawValue + UInt(tree.byteCount)))

        let image = UInt(address_of_kernel_start().uint - kernelBase)
        var found: Range<UInt>?
        var index = 0
        while let region = tree.memory(index) {
            index += 1
            let start = UInt(region.address)
            let end = min(start &+ UInt(region.byteCount), directMapLimit)
            if start <= image, image < end { found = pageCeiling(start)..<pageFloor(end) }
        }
        guard let found, freeMemory.rawValue < found.upperBound else {
            panic("the device tree names no memory for the kernel")
        }
        ram = found

        guard let timebase = tree.timebaseFrequency, timebase >= 1000 else {
            panic("the device tree names no timebase")
        }
        self.timebase = timebase

        // The boot hart is the first, whatever its number.
        hartIDs[0] = bootHart
        var count = 1
        var sstc = true
        index = 0
        while let node = tree.hart(index) {
            index += 1
            guard let id = node.region()?.address else { continue }
            if let isa = node["riscv,isa"], !isa.contains(extension: "sstc") { sstc = false }
            if id != bootHart, count < maximumHarts {
                hartIDs[count] = id
                count += 1
            }
        }
        hartCount = count
        hasSstc = sstc
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

    var plic: DeviceTreeNode? { tree.node(compatible: "riscv,plic0") ?? tree.node(compatible: "sifive,plic-1.0.0") }

    var testDevice: PhysicalAddress? {
        tree.node(compatible: "sifive,test0")?.region().map { PhysicalAddress(UInt($0.address)) }
    }
}

extension DeviceTreeBytes {
    /// Whether an ISA string such as rv64imafdc_zicsr_sstc names a multi-letter extension.
    func contains(extension name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        var start = 0
        while start + length <= count {
            if start == 0 || self[start - 1] == 0x5f {
                var same = 0
                // within its own length
                while same < length, unsafe name.utf8Start[same] == self[start + same] { same += 1 }
                let end = self[start + length] ?? 0
                if same == length, end == 0x5f || end == 0 { return true }
            }
            start += 1
        }
        return false
    }
}
