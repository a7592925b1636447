// What the Makefile does to files that are not its own to lose: disk images, and builds of another place.

import Foundation
import Testing

@Suite(.keepsGuests) struct MakeTests {
    /// A folder with the Makefile and a build folder that came from another place.
    private func movedCheckout() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        let build = folder.appendingPathComponent("build")
        for name in ["tools/release", "freestanding/release", "host", "checks/freestanding"] {
            try FileManager.default.createDirectory(
                at: build.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        for name in ["Makefile", "Package.swift"] {
            try FileManager.default.copyItem(
                at: projectFolder.appendingPathComponent(name), to: folder.appendingPathComponent(name))
        }
        try FileManager.default.createSymbolicLink(
            at: folder.appendingPathComponent("qemu"), withDestinationURL: projectFolder.appendingPathComponent("qemu"))
        for name in ["fs.img", "fs-2.img", "freestanding/.linker", ".place"] {
            try Data("/another/place\n".utf8).write(to: build.appendingPathComponent(name))
        }
        return folder
    }

    private func contents(of folder: URL, _ path: String = "build") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path).sorted()
    }

    @Test func buildsOfAnotherPlaceAreMadeAnew() throws {
        let folder = try movedCheckout()
        defer { try? FileManager.default.removeItem(at: folder) }
        let first = try runOnHost(["make", "-C", folder.path, "place"])
        #expect(
            first.status == 0 && first.output.contains("this checkout was /another/place: building everything anew"),
            "\(first.output)")
        #expect(try contents(of: folder) == [".place", "checks", "freestanding", "fs-2.img", "fs.img"])
        #expect(try contents(of: folder, "build/freestanding") == [".linker"])
        #expect(try contents(of: folder, "build/checks").isEmpty)
        // In its place nothing is removed.
        try Data().write(to: folder.appendingPathComponent("build/freestanding/kept"))
        let second = try runOnHost(["make", "-C", folder.path, "place"])
        #expect(second.status == 0 && !second.output.contains("anew"), "\(second.output)")
        #expect(try contents(of: folder, "build/freestanding") == [".linker", "kept"])
    }

    @Test func cleanKeepsDiskImagesAndDistcleanDoesNot() throws {
        let folder = try movedCheckout()
        defer { try? FileManager.default.removeItem(at: folder) }
        for _ in 0..<2 {
            #expect(try runOnHost(["make", "-C", folder.path, "clean"]).status == 0)
            #expect(try contents(of: folder) == ["fs-2.img", "fs.img"])
        }
        #expect(try runOnHost(["make", "-C", folder.path, "distclean"]).status == 0)
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("build").path))
        #expect(try runOnHost(["make", "-C", folder.path, "clean"]).status == 0)
    }

    @Test func makeLeavesTheImageOfARunningGuestAlone() throws {
        let guest = try Guest()
        try guest.waitForShell()
        let image = guest.folder.appendingPathComponent("fs.img").path
        let make = ["make", "-o", "programs", "-o", "tools", "GUEST_IMAGES=\(image)"]
        let renewal = try runOnHost(make + ["IMAGE_FILES=NEW=README.md", "image"])
        #expect(renewal.status == 0 && renewal.output.contains("\(image) was left alone"), "\(renewal.output)")
        let reset = try runOnHost(make + ["fs-reset"])
        #expect(reset.status != 0 && reset.output.contains("in use by a running guest"), "\(reset.output)")
        try guest.halt()
        let check = try runOnHost(["build/tools/release/fsck", image])
        #expect(check.status == 0, "\(check.output)")
    }

    @Test func variablesThatItDoesNotKnowAreRefused() throws {
        let result = try runOnHost(["make", "-C", projectFolder.path, "-n", "qemu", "CPU=1"])
        #expect(result.status != 0 && result.output.contains("CPU: there is no such variable; known are CPUS MEM"))
        #expect(
            try runOnHost(["make", "-C", projectFolder.path, "-n", "qemu", "CPUS=1", "NAMESERVER=10.0.2.3"]).status == 0
        )
        #expect(
            try runOnHost(["make", "-C", projectFolder.path, "-n", "qemu", "QUEUE=packed", "DISK=virtio-pci"]).status
                == 0)
    }

    /// The choice reaches every device that has queues of both formats, and no other.
    @Test func startGivesPackedQueuesToModernDevices() throws {
        let start = projectFolder.appendingPathComponent("qemu/start").path
        func devices(_ words: [String: String]) throws -> [Substring] {
            let environment = ["NIC": "virtio", "DISK": "virtio", "QUEUE": "split"].merging(words) { $1 }
            let result = try runOnHost([start, "--print"], environment: environment)
            return result.output.split(separator: " ").filter {
                $0.hasPrefix("virtio-") && !$0.hasPrefix("virtio-mmio.")
            }
        }
        for (disk, card) in [("virtio", "virtio"), ("virtio-pci", "virtio-pci")] {
            let packed = try devices(["QUEUE": "packed", "DISK": disk, "NIC": card])
            #expect(packed.count == 2 && packed.allSatisfy { $0.contains("packed=on") }, "\(packed)")
            #expect(try !devices(["DISK": disk, "NIC": card]).contains { $0.contains("packed") })
        }
        #expect(try !devices(["QUEUE": "packed", "NIC": "virtio-legacy"]).contains { $0.contains("packed") })
        #expect(try runOnHost([start, "--print"], environment: ["QUEUE": "round"]).status == 2)
    }

    /// Where a card cannot have several pairs of queues, the reason is said.
    @Test(arguments: [
        ("QUEUES=9", "from 1 to 8"), ("QUEUES=2", "only NIC=virtio-pci with NET=tap"),
        ("QUEUES=2 NIC=virtio-pci", "only NIC=virtio-pci with NET=tap"),
        ("QUEUES=2 NIC=virtio-pci,ne2k NET=socket", "only NIC=virtio-pci with NET=tap"),
        ("QUEUES=2 NIC=virtio-pci NET=tap QEMUFLAGS=-machine_virt,aia=aplic", "only with aia=aplic-imsic"),
        ("QUEUES=2 NIC=virtio-pci NET=tap PCAP=1", "tcpdump in the guest"),
    ]) func severalQueuesAreRefusedWithTheReason(settings: String, reason: String) throws {
        var environment: [String: String] = [:]
        for setting in settings.split(separator: " ") {
            let parts = setting.split(separator: "=", maxSplits: 1)
            environment[String(parts[0])] = parts[1].replacingOccurrences(of: "_", with: " ")
        }
        let start = projectFolder.appendingPathComponent("qemu/start").path
        let result = try runOnHost([start, "--print"], environment: environment)
        #expect(result.status == 2 && result.output.contains(reason), "\(result.output)")
    }

    @Test(arguments: [
        "IP=1.2.3", "IP=10.0.2.15/99", "IP=10.0.2.15/", "IP=10.0.2.015", "IP=10.00.2.15", "IP=224.0.0.1",
        "IP=10.0.2.256/24",
        "GATEWAY=10.0.2.2",
        "IP=10.0.2.15 GATEWAY=foo", "NAMESERVER=1.1.1.1,", "NAMESERVER=1.1.1.1,x",
        "NAMESERVER=1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4",
    ]) func startRefusesWrongAddresses(settings: String) throws {
        var environment: [String: String] = [:]
        for word in settings.split(separator: " ") {
            let parts = word.split(separator: "=", maxSplits: 1)
            environment[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
        let start = projectFolder.appendingPathComponent("qemu/start").path
        let result = try runOnHost([start, "--print"], environment: environment)
        #expect(result.status == 2 && !result.output.contains("qemu-system"), "\(result.output)")
    }
}
