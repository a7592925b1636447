// The VirtIO drivers against QEMU's own devices, on memory-mapped registers and on PCI, legacy and modern.

import Drivers
import Foundation
import NetStack
import QTest
import Testing

/// How the device is reached.
enum Attachment: CaseIterable, CustomTestStringConvertible {
    case mmioLegacy, mmioModern, pciLegacy, pciModern

    var isPCI: Bool { self == .pciLegacy || self == .pciModern }
    var isLegacy: Bool { self == .mmioLegacy || self == .pciLegacy }
    var testDescription: String { "\(isPCI ? "PCI" : "MMIO"), \(isLegacy ? "legacy" : "modern")" }
    func device(_ kind: String) -> String { "virtio-\(kind)-\(isPCI ? "pci" : "device")" }
    /// On PCI the driver chooses; a memory-mapped device is as QEMU's options make it.
    var arguments: [String] { isPCI ? [] : ["-global", "virtio-mmio.force-legacy=\(isLegacy)"] }
}

@Suite(.serialized) struct VirtIODeviceTests {
    /// The first device there is, as the driver meets it.
    func transport(_ machine: QTestMachine, _ attachment: Attachment) throws -> VirtIODevice<QTestMMIO> {
        if attachment.isPCI {
            let function = try #require(pciFunctions(machine).first { VirtIOPCIIdentity.type(of: $0.record) != nil })
            return .pci(try VirtIOPCI(function, preferLegacy: attachment.isLegacy))
        }
        for slot in 0..<8 {
            let registers = QTestMMIO(machine, base: 0x1000_1000 + 0x1000 * UInt64(slot))
            if let device = try? VirtIOMMIO(registers) { return .mmio(device) }
        }
        throw QTestError(description: "no device in any slot")
    }

    @Test(.enabled(if: QTestArchitecture.riscv64.isAvailable, missing(.riscv64)), arguments: Attachment.allCases)
    func networkCardMovesFramesOfEverySize(_ attachment: Attachment) throws {
        let machine = try QTestMachine(.riscv64, wires: 1) { _ in
            let rom = attachment.isPCI ? ",romfile=" : ""
            return attachment.arguments + [
                "-device", "\(attachment.device("net")),netdev=n0,mac=52:54:00:73:77:66\(rom)",
            ]
        }
        let memory = QTestDMA(QTestMemory(machine))
        let bytes = 257 * PacketPool.bufferSize
        let pool = unsafe PacketPool(memory: memory.allocate(byteCount: bytes)!, byteCount: bytes)!
        let device = try transport(machine, attachment)
        check(device.isLegacy == attachment.isLegacy)
        let wire = try QTestWire(machine)
        do {
            var exchange = Exchange(
                try VirtIONet<VirtIODevice<QTestMMIO>, AnyQueue<QTestDMA>>(
                    device, in: memory, pool: pool, receiveBuffers: 64, random: 0x1122_3344_5566), wire, pool)
            check(exchange.device.hardwareAddress == EthernetAddress(0x52, 0x54, 0, 0x73, 0x77, 0x66))
            exchange.everySize(step: 5)
            exchange.bursts(100)
            exchange.overload()
            #expect(exchange.problems == [])
            check(exchange.device.badUsedIDs == 0 && !exchange.device.isBroken)
        }
        #expect(pool.freeCount == 256)
        #expect(machine.failure == nil)
    }

    @Test(.enabled(if: QTestArchitecture.riscv64.isAvailable, missing(.riscv64)), arguments: Attachment.allCases)
    func diskKeepsWhatIsWritten(_ attachment: Attachment) throws {
        var image: URL?
        let original = (0..<2048 * 512).map { UInt8(truncatingIfNeeded: $0 / 512 &* 3 &+ $0) }
        let machine = try QTestMachine(.riscv64) { folder in
            image = folder.appendingPathComponent("disk")
            try Data(original).write(to: image!)
            return attachment.arguments + [
                "-drive", "file=\(image!.path),if=none,format=raw,id=d", "-device",
                "\(attachment.device("blk")),drive=d",
            ]
        }
        let memory = QTestDMA(QTestMemory(machine))
        var disk = try VirtIOBlock<VirtIODevice<QTestMMIO>, AnyQueue<QTestDMA>>(
            try transport(machine, attachment), in: memory)
        check(disk.capacity == 2048)
        let buffer = unsafe memory.allocate(byteCount: 64 << 10)!
        func finish() -> BlockStatus? {
            let deadline = Date(timeIntervalSinceNow: 10)
            while Date() < deadline {
                if let done = disk.completed() { return done.status }
                usleep(500)
            }
            return nil
        }
        var expected = original
        for turn in 0..<40 {
            let sectors = 1 + turn * 7 % 64, sector = turn * 331 % (2048 - sectors)
            let bytes = sectors * 512
            let token = unsafe try disk.submit(
                .read, sector: UInt64(sector), BlockSegment(unsafe: buffer, byteCount: bytes))
            check(token != nil)
            #expect(finish() == .done)
            unsafe #expect(
                UnsafeRawBufferPointer(start: buffer, count: bytes).elementsEqual(
                    expected[sector * 512..<sector * 512 + bytes]))
            for i in 0..<bytes {
                unsafe buffer.storeBytes(
                    of: UInt8(truncatingIfNeeded: i &* 11 &+ turn), toByteOffset: i, as: UInt8.self)
            }
            unsafe expected.replaceSubrange(
                sector * 512..<sector * 512 + bytes, with: UnsafeRawBufferPointer(start: buffer, count: bytes))
            _ = try disk.submit(.write, sector: UInt64(sector), segmentCount: 1) { _ in
                unsafe BlockSegment(unsafe: buffer, byteCount: bytes)
            }
            #expect(finish() == .done)
        }
        if disk.canFlush {
            _ = try disk.submitFlush()
            #expect(finish() == .done)
        }
        #expect(try Array(Data(contentsOf: image!)) == expected)
        check(disk.badUsedIDs == 0 && disk.badUsedLengths == 0 && !disk.isBroken)
        #expect(machine.failure == nil)
    }
}
