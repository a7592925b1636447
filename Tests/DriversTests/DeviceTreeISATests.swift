// What harts can do, as old and new device trees say it.

import Drivers
import Testing

private func withHart(_ properties: [(String, [UInt8])], _ body: (DeviceTreeNode) -> Void) throws {
    let cpu = TreeNode("cpu@0", [("device_type", strings("cpu")), ("reg", cells(0))] + properties)
    let cpus = TreeNode("cpus", [("#address-cells", cells(1)), ("#size-cells", cells(0))], [cpu])
    let seen: Void? = try withTree(deviceTree(board(cpus))) { body(try #require($0.hart(0))) }
    #expect(seen != nil)
}

private func missing(_ properties: [(String, [UInt8])]) throws -> String? {
    var missing: String?
    try withHart(properties) { missing = $0.missingExtension.map { "\($0)" } }
    return missing
}

@Suite struct DeviceTreeISATests {
    @Test func theOlderStringIsReadLetterByLetterAndNameByName() throws {
        try withHart([("riscv,isa", strings("rv64imafdch_zicsr_zba_zbb_sstc"))]) { hart in
            for name: StaticString in ["i", "m", "a", "c", "h", "zicsr", "zba", "sstc"] {
                #expect(hart.hasExtension(name))
            }
            for name: StaticString in ["v", "b", "z", "s", "zb", "zbbb", "zbs", "sst", "rv64", "6"] {
                #expect(!hart.hasExtension(name))
            }
        }
        #expect(try missing([("riscv,isa", strings("rv64imac_zba_zbb_zbs"))]) == nil)
        #expect(try missing([("riscv,isa", strings("rv64gczba_zbb_zbs"))]) == nil)
        #expect(try missing([("riscv,isa", strings("rv64gcb"))]) == nil)
        #expect(try missing([("riscv,isa", strings("rv64imac_zba_zbs"))]) == "zbb")
        #expect(try missing([("riscv,isa", strings("rv64ima_zba_zbb_zbs"))]) == "c")
        #expect(try missing([("riscv,isa", strings("rv32imac_zba_zbb_zbs"))]) == "i")
    }

    @Test func theNewerListComesFirstAndNeedsItsBase() throws {
        let list = ("riscv,isa-extensions", strings("i", "m", "a", "c", "zicsr", "zba", "zbb", "zbs", "sstc"))
        let old = ("riscv,isa", strings("rv64imac_zba"))
        #expect(try missing([("riscv,isa-base", strings("rv64i")), list]) == nil)
        #expect(try missing([("riscv,isa-base", strings("rv64i")), list, old]) == nil)
        #expect(try missing([("riscv,isa-base", strings("rv32i")), list]) == "i")
        #expect(try missing([list, old]) == "zbb")
        try withHart([("riscv,isa-base", strings("rv64i")), list]) { hart in
            #expect(hart.hasExtension("sstc") && !hart.hasExtension("svpbmt"))
        }
    }

    @Test func whatIsAbsentIsNotThere() throws {
        #expect(try missing([]) == "i")
        #expect(try missing([("riscv,isa", [])]) == "i")
        try withHart([]) { #expect(!$0.hasExtension("sstc") && !$0.hasMMU) }
        try withHart([("mmu-type", strings("riscv,none"))]) { #expect(!$0.hasMMU) }
        try withHart([("mmu-type", strings("riscv,sv39"))]) { #expect($0.hasMMU) }
    }

    @Test func whatLiesBehindADisabledBusIsNotThere() throws {
        let card = TreeNode("virtio_mmio@0", [("compatible", strings("virtio,mmio")), ("reg", cells(0, 0x1000))])
        let off = TreeNode("soc", [("status", strings("disabled"))], [card])
        let on = TreeNode("soc", [("status", strings("okay"))], [card])
        #expect(withTree(deviceTree(board(off))) { $0.node(compatible: "virtio,mmio") == nil } == true)
        #expect(withTree(deviceTree(board(off, on))) { $0.node(compatible: "virtio,mmio") != nil } == true)
    }

    /// QEMU's `-numa` with two nodes: a PLIC each, with contexts for that node's harts only.
    @Test func eachOfTwoPLICsHasTheContextsOfItsHarts() throws {
        func cpu(_ id: UInt32) -> TreeNode {
            let own = TreeNode(
                "interrupt-controller",
                [
                    ("#interrupt-cells", cells(1)), ("compatible", strings("riscv,cpu-intc")),
                    ("phandle", cells(10 + id)),
                ])
            return TreeNode("cpu@\(id)", [("device_type", strings("cpu")), ("reg", cells(id))], [own])
        }
        func plic(_ phandle: UInt32, _ list: [UInt8]) -> TreeNode {
            TreeNode(
                "plic@\(phandle)",
                [
                    ("compatible", strings("sifive,plic-1.0.0", "riscv,plic0")), ("phandle", cells(phandle)),
                    ("#interrupt-cells", cells(1)), ("interrupts-extended", list),
                ])
        }
        let root = board(
            TreeNode("cpus", [("#address-cells", cells(1)), ("#size-cells", cells(0))], [cpu(0), cpu(1), cpu(2)]),
            plic(1, cells(10, 11, 10, 9)), plic(2, cells(11, 11, 11, 9, 12, 11, 12, 9)),
            TreeNode("card", [("interrupt-parent", cells(2)), ("interrupts", cells(7))]))
        let seen: Void? = try withTree(deviceTree(root)) { tree in
            let first = try #require(tree.plic(0)), second = try #require(tree.plic(1))
            #expect(tree.plic(2) == nil)
            #expect((0..<3).map { tree.supervisorContext(ofHart: $0, in: first) } == [1, nil, nil])
            #expect((0..<3).map { tree.supervisorContext(ofHart: $0, in: second) } == [nil, 1, 3])
            #expect((0..<3).map { tree.machineContext(ofHart: $0, in: first) } == [0, nil, nil])
            #expect((0..<3).map { tree.machineContext(ofHart: $0, in: second) } == [nil, 0, 2])
            let card = try #require(tree.first { $0.isNamed("card") })
            #expect(card.interrupt()?.parent == second.phandle)
        }
        #expect(seen != nil)
    }
}
