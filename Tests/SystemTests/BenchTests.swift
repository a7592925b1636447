// `make bench`, its quick parts: a machine that counts, a card with a peer at the other end of its wire, the table, a
// profile.

import Foundation
import Testing

@Suite(.keepsGuests) struct BenchTests {
    private func bench(_ arguments: String...) throws -> (status: Int32, output: String) {
        try runOnHost(["timeout", "-k", "5", "300", "build/tools/release/bench"] + arguments)
    }

    @Test func theTableHasWhatWasMeasuredAndTwoRunsAgree() throws {
        let kept = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-bench-\(UUID().uuidString).tsv")
        defer { try? FileManager.default.removeItem(at: kept) }
        let first = try bench("measure", "--output", kept.path, "getpid", "pipe-round-trip", "page-lazy", "echo-56")
        #expect(first.status == 0, "\(first.output)")
        let table = first.output
        for title in [
            "null system call (getpid)", "pipe round trip, 1 byte", "first touch of a lazy page",
            "virtio: echo reply, 56 B",
        ] {
            #expect(table.contains(title), "\(table)")
        }
        #expect(!table.contains("second run"), "\(table)")

        let again = try bench("measure", "--once", "--baseline", kept.path, "getpid", "pipe-round-trip")
        #expect(again.status == 0, "\(again.output)")

        // Against a faster past the same numbers are worse.
        try "getpid\t1\n".write(to: kept, atomically: true, encoding: .utf8)
        let worse = try bench("measure", "--once", "--baseline", kept.path, "getpid")
        #expect(worse.status == 1)
        #expect(worse.output.contains("Worse than the baseline: getpid"), "\(worse.output)")
    }

    /// Copies to and from user memory, and packets, flush no translation: QEMU counts that.
    @Test func copiesAndPacketsFlushNothing() throws {
        let (status, output) = try bench("measure", "stat", "read-4k", "udp-send-64", "pipe-round-trip")
        #expect(status == 0, "\(output)")
        func flushes(_ title: String) throws -> String {
            let line = try #require(output.split(separator: "\n").first { $0.hasPrefix(title) }, "\(output)")
            return line.dropFirst(title.count).split(separator: " ", omittingEmptySubsequences: true)
                .filter { $0.first?.isNumber == true }.dropFirst().first.map(String.init) ?? "none"
        }
        for title in ["fstat", "read 4 KiB, cached", "virtio: UDP send, 64 B"] {
            #expect(try flushes(title) == "0.0", "\(output)")
        }
        // Two processes take turns: each switch loads a page table.
        #expect(try Double(flushes("pipe round trip, 1 byte")) ?? 0 >= 2, "\(output)")
    }

    /// On a machine with many harts and little to do a step of the disk wakes one hart at most.
    @Test func aStepOfTheDiskWakesOneHartAtMost() throws {
        let guest = try Guest(["CPUS": "8", "RUN": "bench,-w,write"])
        func count(_ name: String) throws -> Int {
            try guest.wait(for: name + "\t")
            return try #require(Int(try guest.wait(for: "\n")))
        }
        #expect(try count("work") > 0)
        let device = try count("device-interrupts"), wakes = try count("wake-interrupts")
        #expect(wakes <= device, "\(wakes) wake-up interrupts, \(device) of devices")
        #expect(try guest.exitStatus() == 0)
    }

    @Test func aProfileAddsUp() throws {
        let (status, output) = try bench("profile", "getpid")
        #expect(status == 0, "\(output)")
        #expect(output.contains("trap_entry") && output.contains("return_to_user"), "\(output)")
        let shares = output.split(separator: "\n").compactMap { line in
            line.split(separator: " ").first { $0.hasSuffix("%") }.flatMap { Double($0.dropLast()) }
        }
        #expect(abs(shares.reduce(0, +) - 100) < 5, "\(output)")
    }

    /// What was measured, by name.
    private func values(_ operations: String...) throws -> [String: Int] {
        let kept = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-values-\(UUID().uuidString).tsv")
        defer { try? FileManager.default.removeItem(at: kept) }
        let (status, output) = try runOnHost(
            ["timeout", "-k", "5", "300", "build/tools/release/bench", "measure", "--once", "--output", kept.path]
                + operations)
        #expect(status == 0, "\(output)")
        let fields = try String(contentsOf: kept, encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: "\t")
        }
        return Dictionary(fields.filter { $0.count == 2 }.map { (String($0[0]), Int($0[1]) ?? 0) }) { $1 }
    }

    /// On one hart, beside a program that computes, the network thread takes its half of the time and no more: a flood
    /// neither waits for whole turns (64 frames in 10 ms: more than 300 M instructions) nor stops the program.
    @Test func receivingAndComputingShareAHart() throws {
        let found = try values("flood")
        let instructions = try #require(found["virtio-flood-instructions"])
        let share = try #require(found["virtio-flood-share"])
        #expect(instructions > 1_000_000 && instructions < 100_000_000, "\(found)")
        #expect(share >= 35, "\(found)")
        // A look at the card takes 64 frames; then the program has as much time.
        #expect(try #require(found["virtio-flood-turn"]) <= 130, "\(found)")
    }

    /// fork, exit and wait look at page tables only where memory was touched.
    @Test func aSparseHeapForksAsFastAsItsPagesAre() throws {
        let found = try values("fork-exit-wait", "fork-exit-wait-sparse")
        let usual = try #require(found["fork-exit-wait"]), sparse = try #require(found["fork-exit-wait-sparse"])
        #expect(sparse < 10 * usual, "\(found)")
    }

    /// README shows what the system does, and says what it costs.
    @Test func readmeIsAsTheSystemIs() throws {
        let (status, output) = try bench("readme", "--check")
        #expect(status == 0, "\(output)")
    }

    @Test func aProgramMayRunInTheShellsPlace() throws {
        let guest = try Guest(["CPUS": "1", "RUN": "echo,in,the,shell's,place"])
        try guest.wait(for: "in the shell's place")
        #expect(try guest.exitStatus() == 0)
        let failing = try Guest(["CPUS": "1", "RUN": "cat,nothing"])
        #expect(try failing.exitStatus() == 1)
        // One that kills what init has inherited, and is init's own child here.
        let wild = try Guest(["CPUS": "1", "RUN": "wildcalls,-t,2"])
        try wild.wait(for: "all came back")
        #expect(try wild.exitStatus() == 0)
    }
}
