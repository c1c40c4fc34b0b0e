import { createRequire } from 'node:module'
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import type protobufjs from 'protobufjs'

const protobuf = createRequire(import.meta.url)('protobufjs') as typeof protobufjs

// What the kubelet speaks, written down anew from its documentation, with the fields that our reader passes over.
const { root } = protobuf.parse(`
  syntax = "proto3";
  package v1;
  message ListPodResourcesRequest {}
  message ListPodResourcesResponse { repeated PodResources pod_resources = 1; }
  message PodResources { string name = 1; string namespace = 2; repeated ContainerResources containers = 3; repeated int64 cpu_ids = 4; }
  message ContainerResources {
    string name = 1;
    repeated ContainerDevices devices = 2;
    repeated int64 cpu_ids = 3;
    repeated ContainerMemory memory = 4;
    repeated DynamicResource dynamic_resources = 5;
  }
  message ContainerMemory { string memory_type = 1; uint64 size = 2; TopologyInfo topology = 3; }
  message ContainerDevices { string resource_name = 1; repeated string device_ids = 2; TopologyInfo topology = 3; }
  message TopologyInfo { repeated NUMANode nodes = 1; }
  message NUMANode { int64 ID = 1; }
  message DynamicResource { string class_name = 1; string claim_name = 2; string claim_namespace = 3; repeated ClaimResource claim_resources = 4; }
  message ClaimResource { repeated CDIDevice cdi_devices = 1; string driver_name = 2; string pool_name = 3; string device_name = 4; }
  message CDIDevice { string name = 1; }
`)
const Request = root.lookupType('v1.ListPodResourcesRequest')
const Response = root.lookupType('v1.ListPodResourcesResponse')

export interface PodOnNode {
  readonly name: string
  readonly namespace?: string
  readonly containers: readonly {
    readonly name: string
    readonly devices?: readonly { readonly resourceName: string; readonly deviceIds: readonly string[]; readonly topology?: object }[]
    readonly cpuIds?: readonly number[]
    readonly memory?: readonly object[]
    readonly dynamicResources?: readonly object[]
  }[]
}

/** The bytes of the kubelet's answer; protobufjs says whether the message is one. */
export function listResponse(pods: readonly PodOnNode[]): Uint8Array {
  const message = { podResources: pods.map((pod) => ({ namespace: 'gpu', ...pod })) }
  const wrong = Response.verify(message)
  if (wrong !== null) throw new Error(wrong)
  return Response.encode(Response.fromObject(message)).finish()
}

/** A double of the kubelet's PodResources service: a real gRPC server on a unix socket. */
export class PodResources {
  pods: readonly PodOnNode[] = []
  behaviour: 'answer' | 'hang' | 'refuse' | 'garbage' = 'answer'
  calls = 0
  private server = new Server()

  async listen(socket: string): Promise<void> {
    this.server.addService(
      {
        List: {
          path: '/v1.PodResourcesLister/List',
          requestStream: false,
          responseStream: false,
          requestSerialize: (message: object) => Buffer.from(Request.encode(message).finish()),
          requestDeserialize: (bytes: Buffer) => Request.decode(bytes),
          responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
          responseDeserialize: (bytes: Buffer) => bytes
        }
      },
      { List: (_call: ServerUnaryCall<object, Uint8Array>, answer: sendUnaryData<Uint8Array>) => this.list(answer) }
    )
    await new Promise<void>((resolve, reject) =>
      this.server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error)))
    )
  }

  close(): void {
    this.server.forceShutdown()
    this.server = new Server()
  }

  private list(answer: sendUnaryData<Uint8Array>): void {
    this.calls++
    if (this.behaviour === 'answer') answer(null, listResponse(this.pods))
    else if (this.behaviour === 'refuse') answer({ code: status.RESOURCE_EXHAUSTED, details: 'too many requests' })
    else if (this.behaviour === 'garbage') answer(null, Buffer.from([0x0a, 0x7f, 0x01]))
  }
}
