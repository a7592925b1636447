// The kernel file, and what the kernel says when it cannot go on.

import Foundation
import Testing

private let debugger = (try? runOnHost(["qemu/tools", "debugger"]))
    .flatMap { $0.status == 0 ? $0.output.trimmingCharacters(in: .whitespacesAndNewlines) : nil }

@Suite(.keepsGuests) struct KernelImageTests {
    @Test func noSegmentOfKernelOrProgramIsWritableAndExecutable() throws {
        let programs = try FileManager.default.contentsOfDirectory(
            atPath: projectFolder.appendingPathComponent("build/programs").path)
        #expect(programs.count > 10)
        for file in ["build/swiftlet.elf"] + programs.map({ "build/programs/\($0)" }) {
            let image = try Data(contentsOf: projectFolder.appendingPathComponent(file))
            for (type, flags) in programHeaders(image) where type == 1 {
                #expect(flags & 3 != 3, "\(file) has a segment that is writable and executable")
            }
        }
    }

    @Test func noPageInUseIsWritableAndExecutable() throws {
        let guest = try Guest(["CPUS": "1"])
        try guest.waitForShell()
        // Every process slot gets its kernel stack.
        #expect(try guest.run("usertests forkbomb").contains("ALL TESTS PASSED"))
        let mappings = try guest.monitor("info mem").split(separator: "\n").map { $0.split(separator: " ") }.filter {
            $0.count == 4
        }
        let rights = mappings.map { $0[3] }.filter { $0.hasPrefix("r") || $0.hasPrefix("-") }
        #expect(rights.filter { $0.hasPrefix("r-x") }.count >= 1)
        #expect(rights.filter { $0.hasPrefix("rw-") }.count > 64)
        #expect(rights.filter { $0.contains("w") && $0.contains("x") }.isEmpty)
        #expect(try guest.run("echo on") == "on")
        try guest.halt()
    }

    /// Type and flags of each program header.
    private func programHeaders(_ image: Data) -> [(UInt32, UInt32)] {
        func number(_ offset: Int, bytes: Int) -> UInt64 {
            (0..<bytes).reduce(0) { $0 | UInt64(image[offset + $1]) << UInt64(8 * $1) }
        }
        let table = Int(number(32, bytes: 8))
        return (0..<Int(number(56, bytes: 2))).map { index in
            (UInt32(number(table + 56 * index, bytes: 4)), UInt32(number(table + 56 * index + 4, bytes: 4)))
        }
    }

    @Test func guardNamesWhatMayNotBeInTheKernel() throws {
        // A user program has a heap: as a kernel it must be refused.
        let result = try runOnHost(["build/tools/release/kernel-image", "build/freestanding/release/sh", "/dev/null"])
        #expect(result.status == 1)
        #expect(result.output.contains("posix_memalign, pulled in by:"))
    }

    @Test func panicTellsReasonHartAndBacktraceAndEndsTheMachine() throws {
        // A disk without a file system: the kernel has nothing to run.
        let empty = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-empty-\(UUID().uuidString).img")
        try Data(count: 1 << 20).write(to: empty)
        defer { try? FileManager.default.removeItem(at: empty) }
        let guest = try Guest(image: empty)
        try guest.wait(for: "panic: the disk cannot be mounted: fsck on the host says what is wrong with its image")
        try guest.wait(for: "hart ")
        try guest.wait(for: "backtrace, innermost first:")
        try guest.wait(for: "static FileStore.mount()")
        try guest.wait(for: "thread_main")
        #expect(try guest.exitStatus() == 1)
    }

    /// A jump to nowhere inside an interrupt's handler: the way back leads over the return address, the trap and the
    /// interrupted thread.
    @Test(.enabled(if: debugger != nil, "no gdb that knows RISC-V is installed (apt-get install gdb-multiarch)"))
    func backtraceGoesThroughATrap() throws {
        let guest = try Guest(["CPUS": "1", "GUEST": "8"], arguments: ["--gdb"])
        try guest.wait(for: "Quit with")
        _ = try runOnHost(
            [
                debugger!, "-batch", Guest.kernel, "-ex", "set architecture riscv:rv64", "-ex",
                "set tcp connect-timeout 60",
                "-ex", "target remote localhost:\(port(8))", "-ex", "hbreak *(long)&kernel_trap", "-ex", "continue",
                "-ex", "delete", "-ex", "set $pc=0", "-ex", "detach",
            ])
        try guest.wait(for: "panic: ")
        try guest.wait(for: "backtrace, innermost first:\n  0x0000000000000000\n  in a trap from:\n")
        try guest.wait(for: "thread_main")
        #expect(try guest.exitStatus() == 1)
    }

    /// Where qemu/start lets a debugger in.
    private func port(_ guest: Int) -> Int { 25_000 + Int(getuid()) % 500 * 10 + guest }

    private static func isBuilt(_ kernel: String) -> Bool {
        FileManager.default.fileExists(atPath: projectFolder.appendingPathComponent(kernel).path)
    }

    /// Functions have the source's names, arguments have values, and the way back leads through the trap into the
    /// program.
    @Test(
        .enabled(if: debugger != nil, "no gdb that knows RISC-V is installed (apt-get install gdb-multiarch)"),
        .enabled(if: isBuilt("build/debug/swiftlet.elf"), "make DEBUG=1 builds the kernel for it"))
    func debuggerShowsNamesArgumentsAndTheWayThroughATrap() throws {
        let kernel = "build/debug/swiftlet.elf"
        let guest = try Guest(["CPUS": "1", "GUEST": "7", "KERNEL": kernel], arguments: ["--gdb"])
        try guest.wait(for: "Quit with")
        let session = try runOnHost(
            [
                debugger!, "-batch", kernel, "-ex", "set architecture riscv:rv64", "-ex", "set tcp connect-timeout 60",
                "-ex", "target remote localhost:\(port(7))",
                // The file system is mounted; init opens the console; a timer or a device interrupts.
                "-ex", "hbreak Disk.perform", "-ex", "continue", "-ex", "bt", "-ex", "up", "-ex", "info args",
                "-ex", "delete", "-ex", "hbreak FileCalls.open", "-ex", "continue", "-ex", "bt",
                "-ex", "delete", "-ex", "hbreak kernelTrap", "-ex", "continue", "-ex", "bt",
                "-ex", "delete", "-ex", "detach",
            ]
        ).output
        let parts = session.components(separatedBy: "\nBreakpoint ")
        try #require(parts.count == 4, "\(session)")
        for line in [
            "Disk.perform (", "Disk.move (", "FileSystem.mount (", "thread_start () at ", "\ncount = {_value = 1}",
        ] {
            #expect(parts[1].contains(line), "\(line): \(session)")
        }
        for line in ["FileCalls.open (", "SystemCall.dispatch (", "user_trap (", "trap_entry () at "] {
            #expect(parts[2].contains(line), "\(line): \(session)")
        }
        // It interrupted a thread of the kernel's, an idle hart, or a system call.
        let ends = ["thread_start () at ", "start_idle () at ", "trap_entry () at "]
        #expect(
            parts[3].contains("from_kernel () at ") && ends.contains { parts[3].contains($0) }, "\(session)")
        try guest.waitForShell()
        #expect(try guest.run("forktest 2; echo status $?").hasSuffix("status 0"))
        try guest.halt()
    }

    private static let others = ["build/fast/swiftlet.elf", "build/debug/swiftlet.elf"]

    /// The kernels that are built in another way do the same.
    @Test(
        .enabled(if: others.allSatisfy(isBuilt), "make FAST=1 and make DEBUG=1 build the kernels for it"),
        arguments: others)
    func otherBuildsWork(kernel: String) throws {
        let guest = try Guest(["KERNEL": kernel])
        try guest.waitForShell()
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        #expect(try guest.run("usertests -q pipe fork exec sharedoffset", seconds: 240).contains("ALL TESTS PASSED"))
        try guest.halt()
    }

    @Test(arguments: ["Zba", "Zbb", "Zbs"]) func aHartThatLacksAnExtensionNamesIt(name: String) throws {
        let guest = try Guest(["QEMUFLAGS": "-cpu rv64,\(name.lowercased())=off"])
        try guest.wait(for: "this hart lacks the extension \(name), which the kernel is built for")
        _ = try guest.exitStatus()
    }

    /// OpenSBI 1.1 can send a hart that it starts to the boot hart's entry (Kernel/Machine/boot.S, late_hart): seldom,
    /// and on a busy machine. A debugger does it here to every hart.
    @Test(.enabled(if: debugger != nil, "no gdb that knows RISC-V is installed (apt-get install gdb-multiarch)"))
    func hartThatFirmwareSendsToTheBootEntryFindsItsPlace() throws {
        let guest = try Guest(["CPUS": "4", "GUEST": "9"], arguments: ["--gdb"])
        try guest.wait(for: "Quit with")
        let entry = ["-ex", "hbreak *((long)&secondary_entry - (long)0xffffffc000000000)", "-ex", "continue"]
        let send = ["-ex", "set $pc=0x80200000"]
        let session = try runOnHost(
            [
                debugger!, "-batch", Guest.kernel, "-ex", "set architecture riscv:rv64", "-ex",
                "set tcp connect-timeout 60",
                "-ex", "target remote localhost:\(port(9))",
            ] + entry + send + ["-ex", "continue"] + send + ["-ex", "continue"] + send
                + ["-ex", "delete", "-ex", "detach"])
        #expect(session.output.components(separatedBy: "hit Breakpoint 1").count == 4, "\(session.output)")
        try guest.wait(for: "Swiftlet on 4 harts")
        try guest.waitForShell()
        #expect(guest.transcript.components(separatedBy: "Swiftlet on").count == 2)
        #expect(try guest.run("forktest 2; echo status $?").hasSuffix("status 0"))
        try guest.halt()
    }

    @Test(arguments: [
        (["CPUS": "9"], "CPUS=9: a number of harts from 1 to 8 is wanted"),
        (["NET": "carrier-pigeon"], "there is no such network; known are: user, tap, socket"),
        (["NIC": "e1000"], "there is no such card; known are: virtio"),
    ]) func startRefusesUnknownOptionsAndListsTheKnown(options: [String: String], message: String) throws {
        let result = try runOnHost(["qemu/start", "--print"], environment: options)
        #expect(result.status == 2)
        #expect(result.output.contains(message))
    }

    /// A mistyped path must not come up as the default image under another name.
    @Test func startRefusesAnImageThatIsNotThere() throws {
        let result = try runOnHost(["qemu/start", "--print"], environment: ["FSIMG": "/nowhere/theirs.img"])
        #expect(result.status == 2)
        #expect(result.output.contains("FSIMG=/nowhere/theirs.img: there is no such file"))
    }

    /// `make` renews the programs in the guests' images and `make fs-reset` removes these; another image beside them is
    /// left alone.
    @Test func makeLeavesImagesOfOthersAlone() throws {
        let theirs = projectFolder.appendingPathComponent("build/fs-theirs.img")
        try Data().write(to: theirs)
        defer { try? FileManager.default.removeItem(at: theirs) }
        for target in ["image", "fs-reset"] {
            let result = try runOnHost(["make", "-n", target], environment: [:])
            #expect(result.status == 0)
            #expect(result.output.contains("build/fs.img"))
            #expect(!result.output.contains("build/fs-theirs.img"))
            #expect(!result.output.contains("build/fs*.img"))
        }
    }
}
