"""A model server on the generated stubs of TensorFlow Serving and KServe, for conformance tests.

usage: model_server.py STUBS-FOLDER          serves; prints {"port": N}; reads commands from stdin
       model_server.py STUBS-FOLDER golden   prints the bytes of a PredictRequest made by the stubs

Commands: "versions 1,2": those are AVAILABLE, the last is what no version means; "stop".
Score of a row: version * (sum of numbers[j] * (j + 1)) / 100 + tokens[1] % 97.
"""
import importlib
import json
import os
import struct
import sys
import types
from concurrent import futures

folder = sys.argv[1]
sys.path.insert(0, folder)
# The stubs' own packages import far more than their messages need.
for name in ("pythie_serving", "tritonclient", "tritonclient.grpc"):
    module = types.ModuleType(name)
    module.__path__ = [os.path.join(folder, *name.split("."))]
    sys.modules[name] = module
sys.modules["tensorflow"] = importlib.import_module("pythie_serving.tensorflow_proto.tensorflow")

import grpc  # noqa: E402
from google.protobuf.any_pb2 import Any  # noqa: E402
from tensorflow_serving.apis import get_model_metadata_pb2 as metadata_pb2  # noqa: E402
from tensorflow_serving.apis import get_model_status_pb2 as status_pb2  # noqa: E402
from tensorflow_serving.apis import model_service_pb2_grpc  # noqa: E402
from tensorflow_serving.apis import predict_pb2  # noqa: E402
from tensorflow_serving.apis import prediction_service_pb2_grpc  # noqa: E402
from tritonclient.grpc import service_pb2 as kserve_pb2  # noqa: E402
from tritonclient.grpc import service_pb2_grpc as kserve_grpc  # noqa: E402

FLOAT, INT64 = 1, 9
versions = [1, 2]
labels = {"stable": 1}


def floats(data):
    return struct.unpack("<%df" % (len(data) // 4), data)


def longs(data):
    return struct.unpack("<%dq" % (len(data) // 8), data)


def scores(version, rows, numbers, tokens):
    wide, narrow = len(numbers) // rows, len(tokens) // rows
    return [
        version * sum(v * (j + 1) for j, v in enumerate(numbers[r * wide : (r + 1) * wide])) / 100
        + tokens[r * narrow + 1] % 97
        for r in range(rows)
    ]


def chosen(spec, context):
    if spec.name != "ranker":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
    if spec.version_label:
        return labels[spec.version_label]
    version = spec.version.value if spec.HasField("version") else versions[-1]
    if version not in versions:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such version")
    return version


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def Predict(self, request, context):
        version = chosen(request.model_spec, context)
        numbers, tokens = request.inputs["numbers"], request.inputs["tokens"]
        assert numbers.dtype == FLOAT and tokens.dtype == INT64
        rows = numbers.tensor_shape.dim[0].size
        values = scores(version, rows, floats(numbers.tensor_content), longs(tokens.tensor_content))
        answer = predict_pb2.PredictResponse()
        answer.model_spec.name = "ranker"
        answer.model_spec.version.value = version
        out = answer.outputs["scores"]
        out.dtype = FLOAT
        out.tensor_shape.dim.add().size = rows
        out.tensor_shape.dim.add().size = 1
        # Servers may write values one by one or as raw bytes: version 3 does the latter.
        if version == 3:
            out.tensor_content = struct.pack("<%df" % rows, *values)
        else:
            out.float_val.extend(values)
        return answer

    def GetModelMetadata(self, request, context):
        version = chosen(request.model_spec, context)
        signatures = metadata_pb2.SignatureDefMap()
        signature = signatures.signature_def["serving_default"]
        signature.method_name = "tensorflow/serving/predict"
        for name, dtype, width in (("numbers", FLOAT, 34), ("tokens", INT64, 7)):
            info = signature.inputs[name]
            info.name, info.dtype = name + ":0", dtype
            info.tensor_shape.dim.add().size = -1
            info.tensor_shape.dim.add().size = width
        info = signature.outputs["scores"]
        info.name, info.dtype = "scores:0", FLOAT
        info.tensor_shape.dim.add().size = -1
        answer = metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = "ranker"
        answer.model_spec.version.value = version
        packed = Any()
        packed.Pack(signatures)
        answer.metadata["signature_def"].CopyFrom(packed)
        return answer


class Models(model_service_pb2_grpc.ModelServiceServicer):
    def GetModelStatus(self, request, context):
        answer = status_pb2.GetModelStatusResponse()
        for version in versions:
            status = answer.model_version_status.add()
            status.version = version
            status.state = status_pb2.ModelVersionStatus.AVAILABLE
        return answer


class Kserve(kserve_grpc.GRPCInferenceServiceServicer):
    def ServerReady(self, request, context):
        return kserve_pb2.ServerReadyResponse(ready=True)

    def ModelReady(self, request, context):
        return kserve_pb2.ModelReadyResponse(ready=request.name == "ranker")

    def ModelMetadata(self, request, context):
        answer = kserve_pb2.ModelMetadataResponse(name="ranker", versions=[str(v) for v in versions])
        for name, kind, width in (("numbers", "FP32", 34), ("tokens", "INT64", 7)):
            answer.inputs.add(name=name, datatype=kind, shape=[-1, width])
        answer.outputs.add(name="scores", datatype="FP32", shape=[-1, 1])
        return answer

    def ModelInfer(self, request, context):
        numbers, tokens = request.raw_input_contents
        rows = request.inputs[0].shape[0]
        version = int(request.model_version or versions[-1])
        values = scores(version, rows, floats(numbers), longs(tokens))
        answer = kserve_pb2.ModelInferResponse(model_name="ranker", model_version=str(version))
        answer.outputs.add(name="scores", datatype="FP32", shape=[rows, 1])
        answer.raw_output_contents.append(struct.pack("<%df" % rows, *values))
        return answer


def golden():
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "ranker"
    request.model_spec.signature_name = "serving_default"
    request.model_spec.version.value = 7
    rows = 2
    for name, dtype, width, data in (
        ("numbers", FLOAT, 34, struct.pack("<68f", *[i / 4 for i in range(68)])),
        ("tokens", INT64, 7, struct.pack("<14q", *[i * 300000000 for i in range(14)])),
    ):
        tensor = request.inputs[name]
        tensor.dtype = dtype
        tensor.tensor_shape.dim.add().size = rows
        tensor.tensor_shape.dim.add().size = width
        tensor.tensor_content = data
    request.output_filter.append("scores")
    print(request.SerializeToString(deterministic=True).hex())


if len(sys.argv) > 2:
    golden()
    sys.exit(0)

server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Prediction(), server)
model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(), server)
kserve_grpc.add_GRPCInferenceServiceServicer_to_server(Kserve(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(json.dumps({"port": port}), flush=True)
for line in sys.stdin:
    if line.startswith("versions "):
        versions[:] = [int(each) for each in line.split()[1].split(",")]
        print("ok", flush=True)
    else:
        break
server.stop(None)
