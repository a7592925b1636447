// The device-tree reader on a real blob, and on that blob damaged in every way a seed can think of.

import Drivers
import Testing

/// Lends a tree over these bytes; the page after the end is not there to read, by the count that the reader gets.
func withTree<Result>(_ bytes: [UInt8], _ body: (DeviceTree) throws -> Result) rethrows -> Result? {
    unsafe try bytes.withUnsafeBytes { raw in
        guard let tree = unsafe DeviceTree(raw.baseAddress!, available: raw.count) else { return nil }
        return try body(tree)
    }
}

func string(_ bytes: DeviceTreeBytes?) -> String? {
    bytes.map { unsafe String(decoding: UnsafeRawBufferPointer(start: $0.pointer, count: $0.count), as: UTF8.self) }
}

func withVirtMachine(_ body: (DeviceTree) throws -> Void) throws {
    let seen: Void? = try withTree(virtMachineTree, body)
    #expect(seen != nil)
}

@Suite struct DeviceTreeTests {
    @Test func findsMemoryChosenAndTimebaseOfTheVirtMachine() throws {
        try withVirtMachine { tree in
            #expect(tree.memory(0)?.address == 0x8000_0000)
            #expect(tree.memory(0)?.byteCount == 128 << 20)
            #expect(tree.memory(1) == nil)
            #expect(string(tree.bootArguments) == "ip=10.0.2.15/24 gateway=10.0.2.2")
            #expect(string(tree.standardOutputPath) == "/soc/serial@10000000")
            #expect(tree.randomSeed?.count == 32)
            #expect(tree.timebaseFrequency == 10_000_000)
            let console = try #require(tree.node(path: tree.standardOutputPath!))
            #expect(console.isCompatible(with: "ns16550a"))
            #expect(console.region()?.address == 0x1000_0000)
            #expect(console.interrupt()?.number == 10)
        }
    }

    @Test func findsEveryHartWithItsISAAndItsPLICContext() throws {
        try withVirtMachine { tree in
            let plic = try #require(tree.node(compatible: "riscv,plic0") ?? tree.node(compatible: "sifive,plic-1.0.0"))
            #expect(plic.region()?.address == 0xc00_0000)
            for i in 0..<4 {
                let hart = try #require(tree.hart(i))
                #expect(hart.region()?.address == UInt64(i))
                #expect(string(hart["riscv,isa"]?.text)?.hasPrefix("rv64ima") == true)
                #expect(tree.supervisorContext(ofHart: UInt64(i), in: plic) == 2 * i + 1)
            }
            #expect(tree.hart(4) == nil)
            #expect(tree.supervisorContext(ofHart: 4, in: plic) == nil)
        }
    }

    @Test func findsEightVirtIOSlotsWithAddressAndInterrupt() throws {
        try withVirtMachine { tree in
            var seen: Set<UInt64> = []
            for i in 0..<8 {
                let slot = try #require(tree.node(compatible: "virtio,mmio", i))
                let region = try #require(slot.region())
                seen.insert(region.address)
                #expect(region.byteCount == 0x1000)
                #expect(slot.interrupt()?.number == UInt32((region.address - 0x1000_0000) / 0x1000))
                #expect(slot.interrupt()?.parent == tree.node(compatible: "riscv,plic0")?.phandle)
                #expect(slot.interrupt(1) == nil)
            }
            #expect(seen.count == 8)
            #expect(tree.node(compatible: "virtio,mmio", 8) == nil)
        }
    }

    @Test func showsTheRawRangesAndInterruptMapOfPCI() throws {
        try withVirtMachine { tree in
            let pci = try #require(tree.node(compatible: "pci-host-ecam-generic"))
            #expect(pci.region()?.address == 0x3000_0000)
            #expect(pci.childAddressCells == 3)
            #expect(pci.childSizeCells == 2)
            #expect(pci["ranges"]?.be32(0) == 0x0100_0000)
            #expect(pci["interrupt-map"] != nil)
        }
    }

    @Test func textComparisonsWantTheWholeText() throws {
        try withVirtMachine { tree in
            #expect(tree.node(compatible: "virtio") == nil)
            #expect(tree.node(compatible: "virtio,mmio2") == nil)
            #expect(tree.node(path: tree.chosen!.name) == nil)
        }
    }

    @Test func refusesWrongMagicAndTruncatedBlobs() {
        var wrong = virtMachineTree
        wrong[0] = 0
        #expect(withTree(wrong) { _ in true } == nil)
        for length in [0, 4, 39, 40, virtMachineTree.count - 1] {
            #expect(withTree(Array(virtMachineTree.prefix(length))) { _ in true } == nil)
        }
    }

    @Test func walksOfDamagedBlobsEndWithoutATrap() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<400 {
            var bytes = virtMachineTree
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            withTree(bytes, lookUpEverything)
        }
        // Each word of the structure turned into each token, in turn.
        for offset in stride(from: 56, to: min(3000, virtMachineTree.count - 4), by: 4) {
            for token: UInt8 in [1, 2, 3, 4, 9, 255] {
                var bytes = virtMachineTree
                bytes.replaceSubrange(
                    offset..<offset + 4, with: token == 255 ? [255, 255, 255, 255] : [0, 0, 0, token])
                _ = withTree(bytes) { tree in
                    var walker = tree.nodes
                    while let node = walker.next() { _ = node.region() }
                }
            }
        }
    }

    func lookUpEverything(_ tree: DeviceTree) {
        _ = (tree.memory(0), tree.bootArguments, tree.standardOutputPath, tree.randomSeed, tree.timebaseFrequency)
        if let path = tree.standardOutputPath { _ = tree.node(path: path) }
        var map = MemoryMap(tree, below: 1 << 37)
        map.removeReserved(of: tree)
        if let hart = tree.hart(1) { _ = hart.missingExtension }
        if let plic = tree.node(compatible: "riscv,plic0") { _ = tree.supervisorContext(ofHart: 3, in: plic) }
        var walker = tree.nodes
        while let node = walker.next() { _ = (node.region(0), node.interrupt(0)) }
    }
}

/// A small repeatable source of randomness for tests (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
